//! SwiGLU: silu(gate) · up (Shazeer, arXiv 2002.05202, eq. 6), of rows that hold gate, then up.

use rayon::prelude::*;

use super::parallel::rows_per_task;
use crate::kernels::{math, vectorized};

const LANES: usize = 16;

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
                    let (gates, gate_rest) = gate.as_chunks_mut::<LANES>();
                    let (ups, up_rest) = up.as_chunks_mut::<LANES>();
                    let (dys, dy_rest) = dy.as_chunks::<LANES>();
                    for ((gate, up), dy) in gates.iter_mut().zip(ups).zip(dys) {
                        (*gate, *up) = gradients(*gate, *up, *dy);
                    }
                    for ((gate, up), dy) in gate_rest.iter_mut().zip(up_rest).zip(dy_rest) {
                        ([*gate], [*up]) = gradients([*gate], [*up], [*dy]);
                    }
                }
            },
        );
    });
}

/// Of copies of a few numbers: through references, the compiler would fear that the two outputs overlap.
#[inline(always)]
fn gradients<const N: usize>(gate: [f32; N], up: [f32; N], dy: [f32; N]) -> ([f32; N], [f32; N]) {
    let (mut dgate, mut dup) = ([0.0; N], [0.0; N]);
    for lane in 0..N {
        let (value, slope) = math::silu(gate[lane]);
        dgate[lane] = dy[lane] * up[lane] * slope;
        dup[lane] = dy[lane] * value;
    }
    (dgate, dup)
}
