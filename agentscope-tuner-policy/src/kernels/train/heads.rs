//! Between rows of q, k and v side by side and one matrix a head, with the norm of each head (Qwen3) and the rotary
//! embedding (Su et al., arXiv 2104.09864) on the way. Pair `i` of a head is its numbers `i` and `i + head_dim / 2`, as
//! Hugging Face lays them out.

use rayon::prelude::*;

use super::{
    Heads, norm,
    parallel::{add_in_order, rows_per_task},
};
use crate::kernels::vectorized;

/// Cosines and sines of the angles, `positions x head_dim / 2`, and the position of each row.
pub(crate) struct Angles<'a> {
    pub(crate) cos: &'a [f32],
    pub(crate) sin: &'a [f32],
    pub(crate) positions: &'a [u32],
}

impl Angles<'_> {
    #[inline(always)]
    fn of_row(&self, row: usize, half: usize) -> (&[f32], &[f32]) {
        let start = self.positions[row] as usize * half;
        (&self.cos[start..start + half], &self.sin[start..start + half])
    }
}

/// Scales of the query and key heads' norms, and ε.
#[derive(Clone, Copy)]
pub(super) struct Norms<'a> {
    pub(super) query: &'a [f32],
    pub(super) key: &'a [f32],
    pub(super) eps: f32,
}

impl<'a> Norms<'a> {
    /// The scale of a head's norm; none for a value head.
    #[inline(always)]
    fn scale(&self, head: usize, heads: Heads) -> Option<&'a [f32]> {
        match head {
            _ if head < heads.query_heads => Some(self.query),
            _ if head < heads.query_heads + heads.kv_heads => Some(self.key),
            _ => None,
        }
    }
}

/// Writes `heads x rows x head_dim`.
pub(super) fn split(
    qkv: &[f32],
    heads: Heads,
    angles: &Angles<'_>,
    norms: Option<Norms<'_>>,
    out: &mut [f32],
) {
    let (dim, width) = (heads.head_dim, heads.width());
    let rows = rows_per_task(dim);
    out.par_chunks_mut(heads.rows * dim).enumerate().for_each(|(head, out)| {
        out.par_chunks_mut(rows * dim).enumerate().for_each(|(task, out)| {
            vectorized(
                #[inline(always)]
                || {
                    for (index, out) in out.chunks_exact_mut(dim).enumerate() {
                        let row = task * rows + index;
                        let x = &qkv[row * width + head * dim..][..dim];
                        out.copy_from_slice(x);
                        if head >= heads.query_heads + heads.kv_heads {
                            continue;
                        }
                        if let Some((norms, scale)) = norms.and_then(|n| Some((n, n.scale(head, heads)?))) {
                            let inverse = norm::inverse_rms(x, norms.eps);
                            for (out, scale) in out.iter_mut().zip(scale) {
                                *out *= inverse * scale;
                            }
                        }
                        let (cos, sin) = angles.of_row(row, dim / 2);
                        rotate(out, cos, sin, 1.0);
                    }
                },
            );
        });
    });
}

/// Turns each pair by its angle, forward (`sense` 1) or back (-1).
#[inline(always)]
fn rotate(x: &mut [f32], cos: &[f32], sin: &[f32], sense: f32) {
    let (first, second) = x.split_at_mut(cos.len());
    for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
        let sin = sense * sin;
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

/// Writes the gradient of the rows; with `norms` and the rows before the split, also adds to the scales' gradients.
pub(super) fn split_backward(
    dheads: &[f32],
    heads: Heads,
    angles: &Angles<'_>,
    norms: Option<(&[f32], Norms<'_>)>,
    dscales: Option<[&mut [f32]; 2]>,
    out: &mut [f32],
) {
    let (dim, width) = (heads.head_dim, heads.width());
    let rows = rows_per_task(width);
    let partials: Vec<[Vec<f32>; 2]> = out
        .par_chunks_mut(rows * width)
        .enumerate()
        .map(|(task, out)| {
            let mut sums = if norms.is_some() { [vec![0.0; dim], vec![0.0; dim]] } else { [vec![], vec![]] };
            vectorized(
                #[inline(always)]
                || {
                    for (index, out) in out.chunks_exact_mut(width).enumerate() {
                        let row = task * rows + index;
                        let (cos, sin) = angles.of_row(row, dim / 2);
                        for (head, out) in out.chunks_exact_mut(dim).enumerate() {
                            out.copy_from_slice(&dheads[(head * heads.rows + row) * dim..][..dim]);
                            if head >= heads.query_heads + heads.kv_heads {
                                continue;
                            }
                            rotate(out, cos, sin, -1.0);
                            if let Some((qkv, norms)) = norms {
                                let x = &qkv[row * width + head * dim..][..dim];
                                let which = usize::from(head >= heads.query_heads);
                                unnormalize(x, norms, which, out, &mut sums[which]);
                            }
                        }
                    }
                },
            );
            sums
        })
        .collect();
    if let Some([query, key]) = dscales {
        let (queries, keys): (Vec<_>, Vec<_>) = partials.into_iter().map(|[q, k]| (q, k)).unzip();
        add_in_order(query, &queries);
        add_in_order(key, &keys);
    }
}

/// Takes the gradient `dy` of one normalised head to that of its input, and adds to the scale's.
#[inline(always)]
fn unnormalize(x: &[f32], norms: Norms<'_>, which: usize, dy: &mut [f32], dscale: &mut [f32]) {
    let scale = [norms.query, norms.key][which];
    let inverse = norm::inverse_rms(x, norms.eps);
    let along = norm::along(x, dy, scale, inverse);
    for (((dy, x), scale), sum) in dy.iter_mut().zip(x).zip(scale).zip(dscale) {
        *sum += *dy * x * inverse;
        *dy = inverse * (*dy * scale - x * along);
    }
}
