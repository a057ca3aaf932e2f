// Causal attention over packed sequences with an online softmax (Dao et al., arXiv 2205.14135).

// Writes the output, rows x (query heads x dim), and the log-sum-exp of the scores, rows x query heads.
KERNEL attention(const float *split, const u32 *spans, const u32 *tiles, float *out, float *log_sums, u32 rows,
                 u32 query_heads, u32 kv_heads, u32 dim, float scale, u32 blocks_of_tile) {
    DYNAMIC_SHARED(shared);
    Queries q = queries_of(tiles, spans, blocks_of_tile);
    if (q.count == 0) return;
    u32 head = blockIdx.y, kv = head / (query_heads / kv_heads), lane = threadIdx.x % WARP;
    u32 capacity = blockDim.x / WARP * ROWS;
    float *queries = shared, *tile = queries + capacity * dim;
    float *weights = tile + WARP * (dim + 1) + q.of_warp * WARP;
    const float *keys = split + (u64)(query_heads + kv) * rows * dim, *values = keys + (u64)kv_heads * rows * dim;
    stage(queries, dim, capacity, split + ((u64)head * rows + q.first) * dim, dim, q.count, dim);
    float top[ROWS], sum[ROWS], sums[ROWS][PARTS], scores[ROWS];
    for (u32 r = 0; r < ROWS; ++r) top[r] = minus_infinity(), sum[r] = 0.0f;
    clear(sums);
    for (u32 part = 0; part < 2; ++part) {
        u32 end = part ? q.first + q.count : q.stem_end;
        for (u32 key = part ? q.own : q.stem; key < end; key += WARP) {
            u32 count = end - key < WARP ? end - key : WARP;
            restage(tile, keys + (u64)key * dim, dim, count, dim);
            dots(scores, queries + q.of_warp * dim, tile, dim);
            for (u32 r = 0; r < ROWS; ++r) {
                bool seen = q.of_warp + r < q.count && lane < count;
                seen = seen && sees(spans, q.first + q.of_warp + r, key + lane);
                float factor = take_scores(scores[r] * scale, seen, top + r, sum + r, weights + r * WARP + lane);
                for (u32 p = 0; p < PARTS; ++p) sums[r][p] *= factor;
            }
            restage(tile, values + (u64)key * dim, dim, count, dim);
            accumulate(sums, weights, tile, dim);
        }
    }
    if (q.of_warp >= q.count) return;
    u64 row = q.first + q.of_warp;
    for (u32 r = 0; r < ROWS; ++r) {
        if (lane == 0 && q.of_warp + r < q.count)
            log_sums[(row + r) * query_heads + head] = top[r] + logf(sum[r]);
        sum[r] = 1.0f / sum[r];
    }
    u64 width = (u64)query_heads * dim;
    store(out + row * width + (u64)head * dim, width, sums, sum, q.count - q.of_warp, dim);
}
