//! What decoding does to each row between two products.

use crate::kernels::{math, vectorized};

/// Columns that one accumulator holds: the order of a row's sums is the same on every machine.
const LANES: usize = 16;

/// `y = x / √(mean(x²) + eps) · scale` for each row of `x` (Zhang and Sennrich, arXiv 1910.07467, eq. 4).
pub(crate) fn rms_norm(x: &[f32], scale: &[f32], eps: f32, y: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, y) in x.chunks_exact(scale.len()).zip(y.chunks_exact_mut(scale.len())) {
                let factor = inverse_root_mean_square(x, eps);
                for ((y, x), scale) in y.iter_mut().zip(x).zip(scale) {
                    *y = x * factor * scale;
                }
            }
        },
    );
}

/// [`rms_norm`] where the result replaces the input.
pub(crate) fn rms_norm_in_place(x: &mut [f32], scale: &[f32], eps: f32) {
    vectorized(
        #[inline(always)]
        || {
            for x in x.chunks_exact_mut(scale.len()) {
                let factor = inverse_root_mean_square(x, eps);
                for (x, scale) in x.iter_mut().zip(scale) {
                    *x *= factor * scale;
                }
            }
        },
    );
}

#[inline(always)]
fn inverse_root_mean_square(x: &[f32], eps: f32) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] = block[lane].mul_add(block[lane], sums[lane]);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum = x.mul_add(*x, *sum);
    }
    let mean = sums.iter().sum::<f32>() / x.len() as f32;
    1.0 / (mean + eps).sqrt()
}

/// Turns each head of `x` by the angles of its position: pairs are `(i, i + head_dim / 2)`, as Hugging Face lays them.
pub(crate) fn rotate(x: &mut [f32], cos: &[f32], sin: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for head in x.chunks_exact_mut(2 * cos.len()) {
                let (low, high) = head.split_at_mut(cos.len());
                for (((low, high), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                    (*low, *high) = (*low * cos - *high * sin, *high * cos + *low * sin);
                }
            }
        },
    );
}

/// `y = silu(gate) · up`, where each row of `gate_up` holds gate then up.
pub(crate) fn swiglu(gate_up: &[f32], y: &mut [f32], width: usize) {
    vectorized(
        #[inline(always)]
        || {
            for (both, y) in gate_up.chunks_exact(2 * width).zip(y.chunks_exact_mut(width)) {
                let (gate, up) = both.split_at(width);
                for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                    *y = math::silu(*gate).0 * up;
                }
            }
        },
    );
}
