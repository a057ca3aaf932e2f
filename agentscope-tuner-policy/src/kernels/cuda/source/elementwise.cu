// Sums of buffers and of their rows.

KERNEL add(float *into, const float *values, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads()) into[i] += values[i];
}

// Copies of a row, plus the residual where there is one.
KERNEL spread(const float *bias, const float *residual, float *out, u32 columns, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads())
        out[i] = bias[i % columns] + (residual ? residual[i] : 0.0f);
}

// One thread a column, one block row a part of the rows: `partials` is parts x columns.
KERNEL column_sums(const float *values, float *partials, u32 rows, u32 columns, u32 rows_of_part) {
    u64 column = thread_index();
    if (column >= columns) return;
    u32 first = blockIdx.y * rows_of_part;
    u32 end = rows - first < rows_of_part ? rows : first + rows_of_part;
    float sum = 0.0f;
    for (u32 row = first; row < end; ++row) sum += values[(u64)row * columns + column];
    partials[(u64)blockIdx.y * columns + column] = sum;
}

// Parts are added first to last, so the result does not depend on which block was done first.
KERNEL add_partials(float *into, const float *partials, u32 parts, u32 columns) {
    u64 column = thread_index();
    if (column >= columns) return;
    float sum = into[column];
    for (u32 part = 0; part < parts; ++part) sum += partials[(u64)part * columns + column];
    into[column] = sum;
}
