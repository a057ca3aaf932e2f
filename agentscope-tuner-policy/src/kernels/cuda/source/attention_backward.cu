// The gradient of the attention; probabilities are computed again from the log-sum-exp.
//
// With P the probabilities and D the row sums of dO * O: dV = P^T dO, dS = P * (dO V^T - D) / sqrt(dim), dQ = dS K,
// dK = dS^T Q (Dao et al., arXiv 2205.14135, appendix B.2). One kernel has blocks of queries and writes dQ, another has
// blocks of keys and writes dK and dV, so every number is written by one thread, summed in one order.

// D, rows x query heads: a warp has one head of one row.
KERNEL attention_row_sums(const float *out, const float *dy, float *row_sums, u32 dim, u64 count) {
    u64 unit = thread_index() / WARP;
    if (unit >= count) return;
    float sum = 0.0f;
    for (u32 d = threadIdx.x % WARP; d < dim; d += WARP) sum += dy[unit * dim + d] * out[unit * dim + d];
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0) row_sums[unit] = sum;
}

KERNEL attention_backward_queries(const float *split, const u32 *spans, const u32 *tiles, const float *log_sums,
                                  const float *row_sums, const float *dy, float *dheads, u32 rows, u32 query_heads,
                                  u32 kv_heads, u32 dim, float scale, u32 blocks_of_tile) {
    DYNAMIC_SHARED(shared);
    Queries q = queries_of(tiles, spans, blocks_of_tile);
    if (q.count == 0) return;
    u32 head = blockIdx.y, kv = head / (query_heads / kv_heads), lane = threadIdx.x % WARP;
    u32 capacity = blockDim.x / WARP * ROWS;
    float *queries = shared, *douts = queries + capacity * dim, *tile = douts + capacity * dim;
    float *weights = tile + WARP * (dim + 1) + q.of_warp * WARP;
    const float *keys = split + (u64)(query_heads + kv) * rows * dim, *values = keys + (u64)kv_heads * rows * dim;
    u64 width = (u64)query_heads * dim, at = ((u64)head * rows + q.first) * dim;
    stage(queries, dim, capacity, split + at, dim, q.count, dim);
    stage(douts, dim, capacity, dy + q.first * width + (u64)head * dim, width, q.count, dim);
    float sums[ROWS][PARTS], scores[ROWS], dp[ROWS], factors[ROWS];
    for (u32 r = 0; r < ROWS; ++r) factors[r] = 1.0f;
    clear(sums);
    for (u32 part = 0; part < 2; ++part) {
        u32 end = part ? q.first + q.count : q.stem_end;
        for (u32 key = part ? q.own : q.stem; key < end; key += WARP) {
            u32 count = end - key < WARP ? end - key : WARP;
            restage(tile, keys + (u64)key * dim, dim, count, dim);
            dots(scores, queries + q.of_warp * dim, tile, dim);
            restage(tile, values + (u64)key * dim, dim, count, dim);
            dots(dp, douts + q.of_warp * dim, tile, dim);
            for (u32 r = 0; r < ROWS; ++r) {
                u32 row = q.first + q.of_warp + r;
                bool seen = q.of_warp + r < q.count && lane < count && sees(spans, row, key + lane);
                float weight = 0.0f;
                if (seen) {
                    u64 place = (u64)row * query_heads + head;
                    weight = expf(scores[r] * scale - log_sums[place]) * (dp[r] - row_sums[place]) * scale;
                }
                weights[r * WARP + lane] = weight;
            }
            restage(tile, keys + (u64)key * dim, dim, count, dim);
            accumulate(sums, weights, tile, dim);
        }
    }
    if (q.of_warp < q.count)
        store(dheads + at + q.of_warp * dim, dim, sums, factors, q.count - q.of_warp, dim);
}

// A block has some keys of one key head and goes through all query heads that share it.
KERNEL attention_backward_keys(const float *split, const u32 *spans, const float *log_sums, const float *row_sums,
                               const float *dy, float *dheads, u32 rows, u32 query_heads, u32 kv_heads, u32 dim,
                               float scale) {
    DYNAMIC_SHARED(shared);
    u32 capacity = blockDim.x / WARP * ROWS, first = blockIdx.x * capacity, kv = blockIdx.y;
    u32 count = rows - first < capacity ? rows - first : capacity, of_warp = threadIdx.x / WARP * ROWS;
    u32 lane = threadIdx.x % WARP, group = query_heads / kv_heads;
    float *keys = shared, *values = keys + capacity * dim, *tile = values + capacity * dim;
    float *weights = tile + WARP * (dim + 1) + of_warp * WARP;
    u64 key_at = ((u64)(query_heads + kv) * rows + first) * dim, value_at = key_at + (u64)kv_heads * rows * dim;
    u64 width = (u64)query_heads * dim;
    stage(keys, dim, capacity, split + key_at, dim, count, dim);
    stage(values, dim, capacity, split + value_at, dim, count, dim);
    float dkeys[ROWS][PARTS], dvalues[ROWS][PARTS], scores[ROWS], dp[ROWS], factors[ROWS];
    for (u32 r = 0; r < ROWS; ++r) factors[r] = 1.0f;
    clear(dkeys);
    clear(dvalues);
    u32 end = first;
    for (u32 key = first; key < first + count; ++key) end = max(end, spans[4 * (u64)key + 3] + 1);
    for (u32 head = kv * group; head < (kv + 1) * group; ++head) {
        for (u32 query = first; query < end; query += WARP) {
            u32 queries = end - query < WARP ? end - query : WARP;
            const float *q = split + ((u64)head * rows + query) * dim;
            u64 place = (u64)(query + lane) * query_heads + head;
            restage(tile, q, dim, queries, dim);
            dots(scores, keys + of_warp * dim, tile, dim);
            restage(tile, dy + query * width + (u64)head * dim, width, queries, dim);
            dots(dp, values + of_warp * dim, tile, dim);
            for (u32 r = 0; r < ROWS; ++r) {
                bool seen = of_warp + r < count && lane < queries && sees(spans, query + lane, first + of_warp + r);
                float p = seen ? expf(scores[r] * scale - log_sums[place]) : 0.0f;
                weights[r * WARP + lane] = p;
                scores[r] = seen ? p * (dp[r] - row_sums[place]) * scale : 0.0f;
            }
            accumulate(dvalues, weights, tile, dim);
            for (u32 r = 0; r < ROWS; ++r) weights[r * WARP + lane] = scores[r];
            restage(tile, q, dim, queries, dim);
            accumulate(dkeys, weights, tile, dim);
        }
    }
    if (of_warp >= count) return;
    store(dheads + key_at + of_warp * dim, dim, dkeys, factors, count - of_warp, dim);
    store(dheads + value_at + of_warp * dim, dim, dvalues, factors, count - of_warp, dim);
}
