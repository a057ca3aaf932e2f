// Between rows of q, k and v side by side and one matrix a head, with the norm of each head (Qwen3) and the rotary
// embedding (Su et al., arXiv 2104.09864) on the way. A warp has one head of one row; its lanes have pairs (i, i + half).

// Writes heads x rows x dim. Without norms, both scales are null.
KERNEL split_heads(const float *qkv, const float *cosines, const float *sines, const u32 *positions,
                   const float *query_scale, const float *key_scale, float *out, u32 rows, u32 query_heads,
                   u32 kv_heads, u32 dim, float eps) {
    u64 unit = thread_index() / WARP;
    Head h = head_of(unit, true, rows, query_heads, kv_heads, dim);
    if (!h.exists) return;
    const float *x = qkv + ((u64)h.row * (query_heads + 2 * kv_heads) + h.head) * dim;
    out += unit * dim;
    if (!h.is_rotated) {
        for (u32 i = h.lane; i < dim; i += WARP) out[i] = x[i];
        return;
    }
    const float *scale = h.is_query ? query_scale : key_scale;
    float inverse = scale ? head_inverse_rms(x, h.lane, dim, eps) : 1.0f;
    u64 angle = (u64)positions[h.row] * h.half;
    for (u32 i = h.lane; i < h.half; i += WARP) {
        float a = x[i], b = x[i + h.half], c = cosines[angle + i], s = sines[angle + i];
        if (scale) {
            a *= inverse * scale[i];
            b *= inverse * scale[i + h.half];
        }
        out[i] = a * c - b * s;
        out[i + h.half] = b * c + a * s;
    }
}

// Takes the gradient of a normalised head, in `out`, to that of its input; `products` are for the scale's gradient.
__device__ inline void unnormalize(Head h, const float *x, const float *scale, float *out, float *products,
                                   u32 dim, float eps) {
    float inverse = head_inverse_rms(x, h.lane, dim, eps);
    float sum = 0.0f;
    for (u32 i = h.lane; i < h.half; i += WARP)
        sum += out[i] * scale[i] * x[i] + out[i + h.half] * scale[i + h.half] * x[i + h.half];
    float along = warp_sum(sum) * inverse * inverse / (float)dim;
    // A lane goes on with the pairs that it wrote itself, so nothing has to be waited for.
    for (u32 pair = h.lane; pair < h.half; pair += WARP) {
        for (u32 i = pair; i < dim; i += h.half) {
            if (products) products[i] = out[i] * x[i] * inverse;
            out[i] = inverse * (out[i] * scale[i] - x[i] * along);
        }
    }
}

// Writes rows x heads x dim. With norms, also writes for each query head and each key head of a row dy x / rms.
KERNEL split_heads_backward(const float *dheads, const float *cosines, const float *sines, const u32 *positions,
                            const float *qkv, const float *query_scale, const float *key_scale, float *out,
                            float *query_products, float *key_products, u32 rows, u32 query_heads, u32 kv_heads,
                            u32 dim, float eps) {
    u64 unit = thread_index() / WARP;
    Head h = head_of(unit, false, rows, query_heads, kv_heads, dim);
    if (!h.exists) return;
    const float *dy = dheads + ((u64)h.head * rows + h.row) * dim;
    out += unit * dim;
    if (!h.is_rotated) {
        for (u32 i = h.lane; i < dim; i += WARP) out[i] = dy[i];
        return;
    }
    u64 angle = (u64)positions[h.row] * h.half;
    for (u32 i = h.lane; i < h.half; i += WARP) {
        float a = dy[i], b = dy[i + h.half], c = cosines[angle + i], s = sines[angle + i];
        out[i] = a * c + b * s;
        out[i + h.half] = b * c - a * s;
    }
    if (!qkv) return;
    const float *scale = h.is_query ? query_scale : key_scale;
    u32 heads = h.is_query ? query_heads : kv_heads;
    u32 place = h.is_query ? h.head : h.head - query_heads;
    float *products = h.is_query ? query_products : key_products;
    if (products) products += ((u64)h.row * heads + place) * dim;
    unnormalize(h, qkv + unit * dim, scale, out, products, dim, eps);
}
