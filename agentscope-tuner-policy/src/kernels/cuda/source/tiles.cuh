// What the attention's kernels share; put in front of them after common.cuh. A block has some rows of one head; each of
// its warps has ROWS of them, and its lanes have the columns of a tile of 32 keys, then those of the head. Nobody else
// writes these rows, so nothing is added atomically.
//
// Row r sees the keys spans[4r] ..= r of its own sequence and the stem spans[4r + 1] .. spans[4r + 2]; spans[4r + 3] is
// the last row that sees key r. A pair of `tiles` is a first row and a number of rows, all with the same stem.

#define ROWS 4u
// Numbers of a row that one lane holds: heads are at most 32 PARTS wide.
#define PARTS 8u

__device__ inline bool sees(const u32 *spans, u32 row, u32 key) {
    const u32 *span = spans + 4 * (u64)row;
    return (span[0] <= key && key <= row) || (span[1] <= key && key < span[2]);
}

// Copies the first `count` rows to shared memory and clears those up to `rows`.
__device__ inline void stage(float *tile, u32 tile_stride, u32 rows, const float *source, u64 stride, u32 count,
                             u32 dim) {
    u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    for (u32 row = warp; row < rows; row += blockDim.x / WARP)
        for (u32 d = lane; d < dim; d += WARP)
            tile[row * tile_stride + d] = row < count ? source[row * stride + d] : 0.0f;
}

// As above, of 32 rows that everybody may have been reading; an odd stride keeps lanes in different banks.
__device__ inline void restage(float *tile, const float *source, u64 stride, u32 count, u32 dim) {
    __syncthreads();
    stage(tile, dim + 1, WARP, source, stride, count, dim);
    __syncthreads();
}

// The products of a warp's rows with the row of the tile that the lane has.
__device__ inline void dots(float *sums, const float *rows, const float *tile, u32 dim) {
    const float *own = tile + threadIdx.x % WARP * (dim + 1);
    for (u32 r = 0; r < ROWS; ++r) sums[r] = 0.0f;
    for (u32 d = 0; d < dim; ++d)
        for (u32 r = 0; r < ROWS; ++r) sums[r] += rows[r * dim + d] * own[d];
}

// sums[r][p] += sum over j of weights[r][j] tile[j][lane + 32 p].
__device__ inline void accumulate(float (*sums)[PARTS], const float *weights, const float *tile, u32 dim) {
    __syncwarp();
    for (u32 j = 0; j < WARP; ++j)
        for (u32 p = 0; p < PARTS; ++p) {
            u32 d = threadIdx.x % WARP + p * WARP;
            float value = d < dim ? tile[j * (dim + 1) + d] : 0.0f;
            for (u32 r = 0; r < ROWS; ++r) sums[r][p] += weights[r * WARP + j] * value;
        }
    __syncwarp();
}

__device__ inline void clear(float (*sums)[PARTS]) {
    for (u32 r = 0; r < ROWS; ++r)
        for (u32 p = 0; p < PARTS; ++p) sums[r][p] = 0.0f;
}

// Takes a tile of scores into the maximum and the sum of a row; leaves the weights, and gives what all that was summed
// before has to be multiplied by.
__device__ inline float take_scores(float score, bool seen, float *top, float *sum, float *weight) {
    float next = fmaxf(*top, warp_max(seen ? score : minus_infinity()));
    float factor = *top > minus_infinity() ? expf(*top - next) : 0.0f;
    *weight = seen ? expf(score - next) : 0.0f;
    *sum = *sum * factor + warp_sum(*weight);
    *top = next;
    return factor;
}

// Writes the rows of a warp that exist, each times its factor.
__device__ inline void store(float *out, u64 stride, float (*sums)[PARTS], const float *factors, u32 count, u32 dim) {
    for (u32 r = 0; r < count && r < ROWS; ++r)
        for (u32 p = 0; p < PARTS; ++p) {
            u32 d = threadIdx.x % WARP + p * WARP;
            if (d < dim) out[r * stride + d] = sums[r][p] * factors[r];
        }
}

// The part of a tile of queries that a block has.
struct Queries {
    u32 first, count, of_warp, stem, stem_end, own;
};

__device__ inline Queries queries_of(const u32 *tiles, const u32 *spans, u32 blocks_of_tile) {
    u32 capacity = blockDim.x / WARP * ROWS, skip = blockIdx.x % blocks_of_tile * capacity;
    const u32 *tile = tiles + 2 * (blockIdx.x / blocks_of_tile);
    Queries q = {tile[0] + skip, 0, threadIdx.x / WARP * ROWS, 0, 0, 0};
    if (skip >= tile[1]) return q;
    q.count = tile[1] - skip < capacity ? tile[1] - skip : capacity;
    const u32 *span = spans + 4 * (u64)q.first;
    q.own = span[0];
    q.stem = span[1];
    q.stem_end = span[2];
    return q;
}
