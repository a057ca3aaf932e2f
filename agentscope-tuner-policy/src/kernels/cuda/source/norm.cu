// RMSNorm: y = x / sqrt(mean x^2 + eps) * scale (Zhang and Sennrich, arXiv 1910.07467, eq. 4). One block a row.

__device__ inline float inverse_rms(const float *x, u32 columns, float eps) {
    float sum = 0.0f;
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) sum += x[c] * x[c];
    return 1.0f / sqrtf(block_sum(sum) / (float)columns + eps);
}

KERNEL rms_norm(const float *x, const float *scale, float *out, u32 columns, float eps) {
    x += (u64)blockIdx.x * columns;
    out += (u64)blockIdx.x * columns;
    float inverse = inverse_rms(x, columns, eps);
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) out[c] = x[c] * inverse * scale[c];
}

// With x' = x r and g the gradient of the output times the scale, dx = r (g - x' mean(g x')). `products`, where given,
// takes dy x', whose column sums are the gradient of the scale.
KERNEL rms_norm_backward(const float *x, const float *scale, const float *dy, float *dx, float *products,
                         u32 columns, float eps, u32 accumulate) {
    u64 start = (u64)blockIdx.x * columns;
    x += start;
    dy += start;
    dx += start;
    float inverse = inverse_rms(x, columns, eps);
    float sum = 0.0f;
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) sum += dy[c] * scale[c] * x[c];
    float along = block_sum(sum) * inverse * inverse / (float)columns;
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) {
        float value = inverse * (dy[c] * scale[c] - x[c] * along);
        dx[c] = accumulate ? dx[c] + value : value;
        if (products) products[start + c] = dy[c] * x[c] * inverse;
    }
}
