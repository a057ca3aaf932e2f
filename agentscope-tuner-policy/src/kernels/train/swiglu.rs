//! SwiGLU: silu(gate) · up (Shazeer, arXiv 2002.05202, eq. 6), of rows that hold gate, then up.

use rayon::prelude::*;

use super::parallel::rows_per_task;
use crate::kernels::{math, vectorized};

/// Writes `inner` numbers a row.
pub(super) fn forward(gate_up: &[f32], inner: usize, out: &mut [f32]) {
    let rows = rows_per_task(inner);
    out.par_chunks_mut(rows * inner).zip(gate_up.par_chunks(rows * 2 * inner)).for_each(|(out, gate_up)| {
        vectorized(
            #[inline(always)]
            || {
                for (out, row) in out.chunks_exact_mut(inner).zip(gate_up.chunks_exact(2 * inner)) {
                    let (gate, up) = row.split_at(inner);
                    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                        *out = math::silu(*gate).0 * up;
                    }
                }
            },
        );
    });
}

/// Turns gate and up into their gradients.
pub(super) fn backward(gate_up: &mut [f32], inner: usize, dy: &[f32]) {
    let rows = rows_per_task(inner);
    gate_up.par_chunks_mut(rows * 2 * inner).zip(dy.par_chunks(rows * inner)).for_each(|(gate_up, dy)| {
        vectorized(
            #[inline(always)]
            || {
                for (row, dy) in gate_up.chunks_exact_mut(2 * inner).zip(dy.chunks_exact(inner)) {
                    let (gate, up) = row.split_at_mut(inner);
                    for ((gate, up), dy) in gate.iter_mut().zip(up).zip(dy) {
                        let (value, slope) = math::silu(*gate);
                        (*gate, *up) = (dy * *up * slope, dy * value);
                    }
                }
            },
        );
    });
}
