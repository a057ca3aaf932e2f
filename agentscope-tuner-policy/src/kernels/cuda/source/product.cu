// What cuBLAS does not do: products of matrices whose elements are nowhere side by side, and rounding to bf16.

#define TILE 16u

// out = alpha a b, or out += alpha a b; element (i, j) of a stands at i * a_row + j * a_column. 16 x 16 threads have
// as many outputs.
KERNEL product(float *out, const float *a, const float *b, u32 rows, u32 columns, u32 inner, u64 out_row, u64 a_row,
               u64 a_column, u64 b_row, u64 b_column, u64 out_offset, u64 a_offset, u64 b_offset, float alpha,
               u32 accumulate) {
    __shared__ float of_a[TILE][TILE], of_b[TILE][TILE];
    u32 y = threadIdx.x / TILE, x = threadIdx.x % TILE;
    u64 row = (u64)blockIdx.y * TILE + y, column = (u64)blockIdx.x * TILE + x;
    float sum = 0.0f;
    for (u64 start = 0; start < inner; start += TILE) {
        __syncthreads();
        bool has_a = row < rows && start + x < inner, has_b = start + y < inner && column < columns;
        of_a[y][x] = has_a ? a[a_offset + row * a_row + (start + x) * a_column] : 0.0f;
        of_b[y][x] = has_b ? b[b_offset + (start + y) * b_row + column * b_column] : 0.0f;
        __syncthreads();
        for (u32 k = 0; k < TILE; ++k) sum += of_a[y][k] * of_b[k][x];
    }
    if (row >= rows || column >= columns) return;
    float *place = out + out_offset + row * out_row + column;
    *place = accumulate ? *place + alpha * sum : alpha * sum;
}

// Rounds to the nearest bf16, ties to even, and packs the rows; a NaN stays one.
KERNEL to_bf16(const float *values, unsigned short *out, u64 offset, u64 row_stride, u32 columns, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads()) {
        u32 bits = (u32)__float_as_int(values[offset + i / columns * row_stride + i % columns]);
        bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
        u32 rounded = is_nan ? bits | 0x400000u : bits + 0x7fffu + (bits >> 16 & 1u);
        out[i] = (unsigned short)(rounded >> 16);
    }
}
