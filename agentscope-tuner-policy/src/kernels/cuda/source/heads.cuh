// One head of one row for a warp, whose lanes have pairs (i, i + half): put in front of the kernels after common.cuh.

struct Head {
    u32 lane, row, head, half;
    bool exists, is_query, is_rotated;
};

// `unit` counts rows within heads, or heads within rows.
__device__ inline Head head_of(u64 unit, bool head_major, u32 rows, u32 query_heads, u32 kv_heads, u32 dim) {
    u32 heads = query_heads + 2 * kv_heads;
    Head h;
    h.lane = threadIdx.x % WARP;
    h.row = (u32)(head_major ? unit % rows : unit / heads);
    h.head = (u32)(head_major ? unit / rows : unit % heads);
    h.half = dim / 2;
    h.exists = unit < (u64)rows * heads;
    h.is_query = h.head < query_heads;
    h.is_rotated = h.head < query_heads + kv_heads;
    return h;
}

__device__ inline float head_inverse_rms(const float *x, u32 lane, u32 dim, float eps) {
    float sum = 0.0f;
    for (u32 i = lane; i < dim; i += WARP) sum += x[i] * x[i];
    return 1.0f / sqrtf(warp_sum(sum) / (float)dim + eps);
}

