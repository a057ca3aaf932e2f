// Log-probability of a target and entropy from logits that are seen one block of columns at a time. One block a row.
//
// With l the logits of a row, m their maximum, Z = sum e^(l-m) and S = sum (l-m) e^(l-m): log p_t = l_t - m - ln Z and
// H = ln Z - S / Z; for p = e^(l-m) / Z the gradients are d log p_t / d l_j = 1(j = t) - p_j and
// dH / d l_j = -p_j (ln p_j + H). A row's state is m, Z, S and l_t.

#define STATE 4u

KERNEL softmax_state(float *state, u32 rows) {
    u64 row = thread_index();
    if (row >= rows) return;
    state += row * STATE;
    state[0] = minus_infinity();
    state[1] = state[2] = state[3] = 0.0f;
}

KERNEL softmax_block(const float *logits, const u32 *targets, float *state, u32 first_row, u32 columns,
                     u32 first_column) {
    u32 row = first_row + blockIdx.x;
    logits += (u64)blockIdx.x * columns;
    state += (u64)row * STATE;
    float old = state[0], top = old;
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) top = fmaxf(top, logits[c]);
    top = block_max(top);
    float sum = 0.0f, weighted = 0.0f;
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) {
        float shifted = logits[c] - top, e = expf(shifted);
        sum += e;
        weighted += shifted * e;
    }
    sum = block_sum(sum);
    weighted = block_sum(weighted);
    if (threadIdx.x > 0) return;
    // What was summed against the old maximum: sum (l-m') e^(l-m') = e^(m-m') (S + (m-m') Z).
    if (old > minus_infinity()) {
        float factor = expf(old - top);
        sum += factor * state[1];
        weighted += factor * (state[2] + (old - top) * state[1]);
    }
    state[0] = top;
    state[1] = sum;
    state[2] = weighted;
    u32 target = targets[row];
    if (target >= first_column && target - first_column < columns) state[3] = logits[target - first_column];
}

KERNEL softmax_finish(const float *state, float *log_probs, float *entropies, u32 rows) {
    u64 row = thread_index();
    if (row >= rows) return;
    state += row * STATE;
    float log_sum = logf(state[1]);
    log_probs[row] = state[3] - state[0] - log_sum;
    entropies[row] = log_sum - state[2] / state[1];
}

// Turns a block of logits into their gradients.
KERNEL softmax_block_backward(float *logits, const u32 *targets, const float *state, const float *dlog_probs,
                              const float *dentropies, u32 first_row, u32 columns, u32 first_column) {
    u32 row = first_row + blockIdx.x;
    logits += (u64)blockIdx.x * columns;
    state += (u64)row * STATE;
    float top = state[0], inverse = 1.0f / state[1], dlog_prob = dlog_probs[row], dentropy = dentropies[row];
    // ln p + H = l - m - ln Z + ln Z - S / Z.
    float shift = state[2] * inverse;
    u32 target = targets[row];
    for (u32 c = threadIdx.x; c < columns; c += blockDim.x) {
        float shifted = logits[c] - top;
        float slope = -inverse * expf(shifted) * (dlog_prob + dentropy * (shifted - shift));
        if (first_column + c == target) slope += dlog_prob;
        logits[c] = slope;
    }
}
