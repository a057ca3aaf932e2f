// What all kernels share. It is put in front of the sources by whoever compiles them (NVRTC, nvcc, and the host's
// compiler for the emulator), because NVRTC is given one text and no folder to include from.

#define KERNEL extern "C" __global__ void
#define WARP 32u
#define EVERY_LANE 0xffffffffu
#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(name) extern __shared__ float name[]
#endif

typedef unsigned int u32;
typedef unsigned long long u64;

__device__ inline float minus_infinity() { return -__int_as_float(0x7f800000); }

// This thread among all threads of a one-dimensional grid.
__device__ inline u64 thread_index() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

__device__ inline u64 grid_threads() { return (u64)gridDim.x * blockDim.x; }

// Sums and maxima are exchanged crosswise, so every lane ends with the same bits.
__device__ inline float warp_sum(float value) {
    for (u32 distance = WARP / 2; distance > 0; distance /= 2)
        value += __shfl_xor_sync(EVERY_LANE, value, distance);
    return value;
}

__device__ inline float warp_max(float value) {
    for (u32 distance = WARP / 2; distance > 0; distance /= 2)
        value = fmaxf(value, __shfl_xor_sync(EVERY_LANE, value, distance));
    return value;
}

// Leaves each warp's value to all threads; `missing` stands for the warps that the block does not have.
__device__ inline float exchange(float value, float missing) {
    __shared__ float of_warp[WARP];
    u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    __syncthreads(); // the values of an exchange before this one may still be read
    if (lane == 0) of_warp[warp] = value;
    __syncthreads();
    return lane < blockDim.x / WARP ? of_warp[lane] : missing;
}

// The block's threads must all take part; the block has a multiple of 32 of them.
__device__ inline float block_sum(float value) { return warp_sum(exchange(warp_sum(value), 0.0f)); }

__device__ inline float block_max(float value) {
    return warp_max(exchange(warp_max(value), minus_infinity()));
}
