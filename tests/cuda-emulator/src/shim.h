// The words of CUDA C that the kernels use, in C++: threads of a block are fibers of one host thread.

#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#define __global__
#define __device__
// Blocks run one after the other, so their shared memory can be the same.
#define __shared__ static thread_local
#define DYNAMIC_SHARED(name) float *name = emulator::dynamic_shared()

using std::max;
using std::min;

struct Place {
    unsigned x, y, z;
};

inline thread_local Place threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {
float *dynamic_shared();
void wait_for_block();
void wait_for_warp();
// Gives the value to the lanes of the warp and takes that of another.
float exchange(float value, unsigned lane);
} // namespace emulator

inline void __syncthreads() { emulator::wait_for_block(); }
inline void __syncwarp() { emulator::wait_for_warp(); }

inline float __shfl_xor_sync(unsigned, float value, unsigned mask) {
    return emulator::exchange(value, (threadIdx.x ^ mask) % 32);
}

inline float __shfl_sync(unsigned, float value, unsigned lane) { return emulator::exchange(value, lane % 32); }

inline float __int_as_float(int bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline int __float_as_int(float value) {
    int bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
