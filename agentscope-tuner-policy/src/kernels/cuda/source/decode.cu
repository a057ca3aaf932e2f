// One step of decoding: rows of tokens, each of which attends to the keys and values of its sequence in blocks of a cache.
//
// `plan` holds the tokens of all rows, then their positions, then where in `plan` the table of each row's sequence begins; the
// tables and the numbers of the rows that are sampled from follow. A table names the blocks of a sequence by position. A cell
// of the cache is a block of one layer and key head: its keys stand dimension by dimension, so that lanes read slots side by
// side, its values slot by slot.

#define SLOTS 16u

// The cell of a position; `first_block` is the first of the layer.
__device__ inline u64 cell_of(const u32 *table, u32 position, u64 first_block, u32 kv_heads, u32 kv_head) {
    return (first_block + table[position / SLOTS]) * kv_heads + kv_head;
}

// A number of a matrix that is stored as f32, or as bf16 with two in the place of one.
__device__ inline float stored(const float *matrix, u64 index, u32 half) {
    if (!half) return matrix[index];
    return __int_as_float((int)((u32)((const unsigned short *)matrix)[index] << 16));
}

// The rows of `matrix` that the tokens name.
KERNEL decode_embed(const float *matrix, const u32 *plan, float *out, u32 columns, u32 half, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads())
        out[i] = stored(matrix, (u64)plan[i / columns] * columns + i % columns, half);
}

// The rows that are sampled from, one after another; `first` is where `plan` numbers them.
KERNEL decode_pick(const float *rows, const u32 *plan, float *out, u32 columns, u32 first, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads())
        out[i] = rows[(u64)plan[first + i / columns] * columns + i % columns];
}

// Adds a row to each row.
KERNEL add_bias(float *rows, const float *bias, u32 columns, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads()) rows[i] += bias[i % columns];
}

// Copies a block in every layer.
KERNEL decode_copy(float *keys, float *values, u32 from, u32 to, u32 blocks, u32 block_size, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads()) {
        u64 first_block = i / block_size * blocks, rest = i % block_size;
        u64 source = (first_block + from) * block_size + rest, target = (first_block + to) * block_size + rest;
        keys[target] = keys[source];
        values[target] = values[source];
    }
}

// From rows of q, k and v side by side: queries and keys are normalised where the model does so (both scales are null where it
// does not) and rotated; keys and values go to their cells. One warp for each head of each row.
KERNEL decode_place(const float *qkv, const float *query_scale, const float *key_scale, const float *cosines,
                    const float *sines, const u32 *plan, float *queries, float *keys, float *values, u32 rows,
                    u32 query_heads, u32 kv_heads, u32 dim, float eps, u64 first_block) {
    u64 unit = thread_index() / WARP;
    Head h = head_of(unit, false, rows, query_heads, kv_heads, dim);
    if (!h.exists) return;
    const float *x = qkv + unit * dim;
    u32 position = plan[rows + h.row], slot = position % SLOTS;
    u32 kv_head = h.is_query ? 0 : (h.head - query_heads) % kv_heads;
    u64 cell = cell_of(plan + plan[2 * rows + h.row], position, first_block, kv_heads, kv_head);
    if (!h.is_rotated) {
        float *out = values + (cell * SLOTS + slot) * dim;
        for (u32 i = h.lane; i < dim; i += WARP) out[i] = x[i];
        return;
    }
    float *out = h.is_query ? queries + ((u64)h.row * query_heads + h.head) * dim : keys + cell * dim * SLOTS + slot;
    u32 stride = h.is_query ? 1 : SLOTS;
    const float *scale = h.is_query ? query_scale : key_scale;
    float inverse = scale ? head_inverse_rms(x, h.lane, dim, eps) : 1.0f;
    u64 angle = (u64)position * h.half;
    for (u32 i = h.lane; i < h.half; i += WARP) {
        float a = x[i], b = x[i + h.half], c = cosines[angle + i], s = sines[angle + i];
        if (scale) {
            a *= inverse * scale[i];
            b *= inverse * scale[i + h.half];
        }
        out[i * stride] = a * c - b * s;
        out[(i + h.half) * stride] = b * c + a * s;
    }
}

// The attention of one head of one row, for a block: each warp takes 32 positions at a time, with a maximum and sums of its
// own, which are brought together at the end. A row sees the last `window` positions up to its own, all where `window` is 0.
KERNEL decode_attention(const float *queries, const float *keys, const float *values, const u32 *plan, float *out,
                        u32 rows, u32 query_heads, u32 kv_heads, u32 dim, float scale, u32 window, u64 first_block) {
    DYNAMIC_SHARED(shared);
    u32 row = blockIdx.x, head = blockIdx.y, kv_head = head / (query_heads / kv_heads);
    u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    u32 position = plan[rows + row], first = window > 0 && position >= window ? position + 1 - window : 0;
    const u32 *table = plan + plan[2 * rows + row];
    float *query = shared, *tops = query + dim, *totals = tops + warps, *partials = totals + warps;
    u64 start = ((u64)row * query_heads + head) * dim;
    for (u32 d = threadIdx.x; d < dim; d += blockDim.x) query[d] = queries[start + d] * scale;
    __syncthreads();
    float top = minus_infinity(), total = 0.0f, sums[PARTS];
    for (u32 p = 0; p < PARTS; ++p) sums[p] = 0.0f;
    for (u32 base = first / SLOTS * SLOTS + warp * WARP; base <= position; base += warps * WARP) {
        u32 key = base + lane;
        float score = 0.0f, weight;
        if (key <= position) {
            const float *cell = keys + cell_of(table, key, first_block, kv_heads, kv_head) * dim * SLOTS + key % SLOTS;
            for (u32 d = 0; d < dim; ++d) score += query[d] * cell[d * SLOTS];
        }
        float factor = take_scores(score, first <= key && key <= position, &top, &total, &weight);
        for (u32 p = 0; p < PARTS; ++p) sums[p] *= factor;
        for (u32 j = 0; j < WARP && base + j <= position; ++j) {
            float of_key = __shfl_sync(EVERY_LANE, weight, j);
            u64 cell = cell_of(table, base + j, first_block, kv_heads, kv_head);
            const float *value = values + (cell * SLOTS + (base + j) % SLOTS) * dim;
            for (u32 p = 0; p < PARTS; ++p) {
                u32 d = lane + p * WARP;
                if (d < dim) sums[p] += of_key * value[d];
            }
        }
    }
    if (lane == 0) tops[warp] = top, totals[warp] = total;
    for (u32 p = 0; p < PARTS; ++p) {
        u32 d = lane + p * WARP;
        if (d < dim) partials[warp * dim + d] = sums[p];
    }
    __syncthreads();
    top = minus_infinity(), total = 0.0f;
    for (u32 w = 0; w < warps; ++w) top = fmaxf(top, tops[w]);
    for (u32 w = 0; w < warps; ++w) total += totals[w] * expf(tops[w] - top);
    for (u32 d = threadIdx.x; d < dim; d += blockDim.x) {
        float sum = 0.0f;
        for (u32 w = 0; w < warps; ++w) sum += partials[w * dim + d] * expf(tops[w] - top);
        out[start + d] = sum / total;
    }
}
