// Rows of a table by number, and their gradient.

KERNEL gather(const float *table, const u32 *ids, float *out, u32 columns, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads())
        out[i] = table[(u64)ids[i / columns] * columns + i % columns];
}

// One block for each distinct id, so that two blocks never add to one row. `places` are the rows of `values` sorted by
// the id that they belong to; those of the distinct id number i are places[starts[i]] .. places[starts[i + 1]].
KERNEL scatter_add(float *table, const u32 *distinct, const u32 *starts, const u32 *places, const float *values,
                   u32 columns) {
    u32 begin = starts[blockIdx.x], end = starts[blockIdx.x + 1];
    float *row = table + (u64)distinct[blockIdx.x] * columns;
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) {
        float sum = row[c];
        for (u32 i = begin; i < end; ++i) sum += values[(u64)places[i] * columns + c];
        row[c] = sum;
    }
}
