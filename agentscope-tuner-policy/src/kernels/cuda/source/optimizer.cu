// AdamW (Loshchilov and Hutter, arXiv 1711.05101) and the norm that gradients are bounded by.

KERNEL adamw(float *weights, float *first, float *second, const float *gradient, float gradient_scale,
             float first_rate, float second_keep, float second_rate, float keep, float step_size,
             float root_correction, float epsilon, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads()) {
        float g = gradient[i] * gradient_scale;
        float m = first[i] + (g - first[i]) * first_rate;
        float v = second[i] * second_keep + g * g * second_rate;
        first[i] = m;
        second[i] = v;
        weights[i] = weights[i] * keep - step_size * m / (sqrtf(v) / root_correction + epsilon);
    }
}

// A block sums `chunk` squares in f64 and leaves the sum as two floats, high and low.
KERNEL sum_of_squares(const float *values, float *parts, u64 chunk, u64 count) {
    __shared__ double sums[256];
    u64 begin = blockIdx.x * chunk, end = count - begin < chunk ? count : begin + chunk;
    double sum = 0.0;
    for (u64 i = begin + threadIdx.x; i < end; i += blockDim.x) sum += (double)values[i] * (double)values[i];
    sums[threadIdx.x] = sum;
    for (u32 width = blockDim.x / 2; width > 0; width /= 2) {
        __syncthreads();
        if (threadIdx.x < width) sums[threadIdx.x] += sums[threadIdx.x + width];
    }
    if (threadIdx.x > 0) return;
    float high = (float)sums[0];
    parts[2 * (u64)blockIdx.x] = high;
    parts[2 * (u64)blockIdx.x + 1] = (float)(sums[0] - (double)high);
}
