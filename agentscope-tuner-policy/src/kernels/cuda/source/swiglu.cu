// SwiGLU: silu(gate) * up (Shazeer, arXiv 2002.05202, eq. 6), of rows that hold gate, then up.

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

KERNEL swiglu(const float *gate_up, float *out, u32 inner, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads()) {
        u64 at = i / inner * 2 * inner + i % inner;
        float gate = gate_up[at];
        out[i] = gate * sigmoid(gate) * gate_up[at + inner];
    }
}

// Turns gate and up into their gradients.
KERNEL swiglu_backward(float *gate_up, const float *dy, u32 inner, u64 count) {
    for (u64 i = thread_index(); i < count; i += grid_threads()) {
        u64 at = i / inner * 2 * inner + i % inner;
        float gate = gate_up[at], up = gate_up[at + inner];
        float s = sigmoid(gate), value = gate * s;
        gate_up[at] = dy[i] * up * (s + value * (1.0f - s));
        gate_up[at + inner] = dy[i] * value;
    }
}
