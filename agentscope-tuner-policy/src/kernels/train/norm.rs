//! RMSNorm: y = x / √(mean x² + ε) · scale (Zhang and Sennrich, arXiv 1910.07467, eq. 4).

use rayon::prelude::*;

use super::{
    parallel::{add_in_order, rows_per_task},
    reduce,
};
use crate::kernels::vectorized;

/// 1 / √(mean x² + ε) of one row.
#[inline(always)]
pub(super) fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (reduce::dot(x, x) / x.len() as f32 + eps).sqrt()
}

/// How far the row's input moves along itself in the backward pass: with x̂ = x r, r the inverse root and g the gradient
/// of the output times the scale, dx = r (g − x̂ mean(g x̂)) = r (g − x · along).
#[inline(always)]
pub(super) fn along(x: &[f32], dy: &[f32], scale: &[f32], inverse: f32) -> f32 {
    reduce::sum_triples(dy, scale, x) * inverse * inverse / x.len() as f32
}

/// Writes the normalised rows.
pub(super) fn forward(x: &[f32], scale: &[f32], eps: f32, out: &mut [f32]) {
    let columns = scale.len();
    let task = rows_per_task(columns) * columns;
    out.par_chunks_mut(task).zip(x.par_chunks(task)).for_each(|(out, x)| {
        vectorized(
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(columns).zip(x.chunks_exact(columns)) {
                    let inverse = inverse_rms(x, eps);
                    for ((out, x), scale) in out.iter_mut().zip(x).zip(scale) {
                        *out = x * inverse * scale;
                    }
                }
            },
        );
    });
}

/// Adds to, or when not `accumulate` writes, the gradient of `x`; adds that of the scale where it is asked for.
pub(super) fn backward(
    (x, scale, eps): (&[f32], &[f32], f32),
    dy: &[f32],
    (dx, accumulate): (&mut [f32], bool),
    dscale: Option<&mut [f32]>,
) {
    let columns = scale.len();
    let task = rows_per_task(columns) * columns;
    let wanted = dscale.is_some();
    let tasks = dx.par_chunks_mut(task).zip(x.par_chunks(task)).zip(dy.par_chunks(task));
    let partials: Vec<Vec<f32>> = tasks
        .map(|((dx, x), dy)| {
            let mut sums = vec![0.0; if wanted { columns } else { 0 }];
            vectorized(
                #[inline(always)]
                || {
                    let rows = dx.chunks_exact_mut(columns).zip(x.chunks_exact(columns));
                    for ((dx, x), dy) in rows.zip(dy.chunks_exact(columns)) {
                        let inverse = inverse_rms(x, eps);
                        let along = along(x, dy, scale, inverse);
                        for (((dx, x), dy), scale) in dx.iter_mut().zip(x).zip(dy).zip(scale) {
                            let value = inverse * (dy * scale - x * along);
                            *dx = if accumulate { *dx + value } else { value };
                        }
                        for ((sum, x), dy) in sums.iter_mut().zip(x).zip(dy) {
                            *sum += dy * x * inverse;
                        }
                    }
                },
            );
            sums
        })
        .collect();
    if let Some(dscale) = dscale {
        add_in_order(dscale, &partials);
    }
}
