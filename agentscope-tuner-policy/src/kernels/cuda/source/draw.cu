// Draws a token from the whole tempered distribution of a row: the inverse of the cumulative distribution, in the order of the
// tokens. One block a row. The sampler of the CPU does the same, with other sums.

#define DRAW_THREADS 256u
// Tokens of a thread, and of a chunk: a token is sought among the chunks' sums, then among the threads', then one by one.
#define DRAW_TOKENS 4u
#define DRAW_CHUNK (DRAW_THREADS * DRAW_TOKENS)

// What a row is drawn by, and what has been found out about it.
struct Drawing {
    const float *logits;
    u32 columns;
    float inverse, highest;
};

__device__ inline float weight_of(Drawing d, u32 token) { return expf(fmaf(d.logits[token], d.inverse, -d.highest)); }

// The weights of the tokens of this thread within a chunk.
__device__ inline float own_weights(Drawing d, u32 chunk) {
    u32 first = chunk * DRAW_CHUNK + threadIdx.x * DRAW_TOKENS;
    float sum = 0.0f;
    for (u32 token = first; token < first + DRAW_TOKENS && token < d.columns; ++token) sum += weight_of(d, token);
    return sum;
}

__device__ inline u32 likeliest(Drawing d, u32 first) {
    u32 best = first;
    for (u32 token = first; token < first + DRAW_CHUNK && token < d.columns; ++token)
        if (d.logits[token] > d.logits[best]) best = token;
    return best;
}

// Finds the token where `left` of the chunk's weight is used up; `of_threads` are its threads' sums.
__device__ inline u32 find_token(Drawing d, u32 chunk, double left, const float *of_threads) {
    u32 thread = 0, first = chunk * DRAW_CHUNK;
    while (thread + 1 < DRAW_THREADS && left >= of_threads[thread]) left -= of_threads[thread++];
    for (u32 i = 0; i < DRAW_TOKENS; ++i) {
        u32 token = first + thread * DRAW_TOKENS + i;
        if (token >= d.columns) break;
        left -= weight_of(d, token);
        if (left < 0.0) return token;
    }
    // Rounding left a crumb beyond the last token: the chunk's most likely one stands for it.
    return likeliest(d, first);
}

// `draws` are three words a row: the bits of 1 / temperature, 0 for the most likely token, and a random number in 2^-53, high
// word first. Writes the bits of the token, and its log-probability: not a number where the logits are not all finite.
KERNEL draw(const float *logits, const u32 *draws, float *out, u32 columns) {
    DYNAMIC_SHARED(of_chunks);
    __shared__ float of_threads[DRAW_THREADS];
    __shared__ double total, left;
    __shared__ u32 chunk;
    Drawing d = {logits + (u64)blockIdx.x * columns, columns, 1.0f, 0.0f};
    draws += 3 * (u64)blockIdx.x;
    out += 2 * (u64)blockIdx.x;
    float inverse = __int_as_float((int)draws[0]);
    bool greedy = inverse == 0.0f;
    if (!greedy) d.inverse = inverse;
    float top = minus_infinity();
    for (u32 token = threadIdx.x; token < columns; token += DRAW_THREADS) top = fmaxf(top, d.logits[token]);
    top = block_max(top);
    d.highest = top * d.inverse;
    u32 chunks = (columns + DRAW_CHUNK - 1) / DRAW_CHUNK;
    for (u32 c = 0; c < chunks; ++c) {
        float sum = block_sum(own_weights(d, c));
        if (threadIdx.x == 0) of_chunks[c] = sum;
    }
    // Small enough numbers to be exact in f32.
    float place = minus_infinity();
    for (u32 token = threadIdx.x; token < columns; token += DRAW_THREADS)
        if (d.logits[token] == top) place = fmaxf(place, -(float)token);
    place = block_max(place);
    if (threadIdx.x == 0) {
        total = 0.0;
        for (u32 c = 0; c < chunks; ++c) total += of_chunks[c];
        left = total * ((draws[1] * 4294967296.0 + draws[2]) / 9007199254740992.0);
        for (chunk = 0; chunk + 1 < chunks && left >= of_chunks[chunk]; ++chunk) left -= of_chunks[chunk];
    }
    __syncthreads();
    of_threads[threadIdx.x] = own_weights(d, chunk);
    __syncthreads();
    if (threadIdx.x > 0) return;
    u32 token = greedy ? (u32)-place : find_token(d, chunk, left, of_threads);
    if (token >= columns) token = 0;
    out[0] = __int_as_float((int)token);
    out[1] = (float)((double)d.logits[token] * d.inverse - d.highest - log(total));
}
