//! The gradient of the attention. Probabilities are computed again from the log-sum-exp.
//!
//! With P the probabilities, D the row sums of dO ∘ O: dV = Pᵀ dO, dS = P ∘ (dO Vᵀ − D) / √head_dim, dQ = dS K,
//! dK = dSᵀ Q (Dao et al., arXiv 2205.14135, appendix B.2).

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Heads, Shape,
    attention::{Segment, Split, keys_of},
    product::{self, View},
    reduce,
};
use crate::kernels::{math, vectorized};

/// What the forward pass left behind, and the gradient of its output.
#[derive(Clone, Copy)]
pub(super) struct Saved<'a> {
    pub(super) split: Split<'a>,
    pub(super) first_keys: &'a [u32],
    pub(super) out: &'a [f32],
    pub(super) log_sums: &'a [f32],
    pub(super) dy: &'a [f32],
}

/// Room for the probabilities of a block and their gradient.
#[derive(Default)]
struct Scratch {
    probabilities: Vec<f32>,
    gradients: Vec<f32>,
}

/// Adds the gradient of every head to `dheads`, which starts at zero.
///
/// A task is one segment of one key head with all query heads that share it: nobody else writes these rows.
pub(super) fn backward(saved: Saved<'_>, segments: &[Segment], dheads: &mut [f32]) {
    let Heads { rows, query_heads, kv_heads, head_dim } = saved.split.heads;
    let group = query_heads / kv_heads;
    let mut tasks: Vec<Vec<&mut [f32]>> = (0..kv_heads * segments.len()).map(|_| Vec::new()).collect();
    for (head, mut chunk) in dheads.chunks_mut(rows * head_dim).enumerate() {
        // q heads come first, `group` of them to a key head, then k and v heads.
        let kv = if head < query_heads { head / group } else { (head - query_heads) % kv_heads };
        for (index, segment) in segments.iter().enumerate() {
            let part = chunk.split_off_mut(..segment.rows.len() * head_dim).unwrap_or_default();
            tasks[kv * segments.len() + index].push(part);
        }
    }
    tasks.into_par_iter().enumerate().for_each_init(Scratch::default, |scratch, (task, mut parts)| {
        let (kv, segment) = (task / segments.len(), &segments[task % segments.len()]);
        let (queries, keys_and_values) = parts.split_at_mut(group);
        let [dkeys, dvalues] = keys_and_values else { unreachable!("each key head has one k and one v") };
        for (index, dqueries) in queries.iter_mut().enumerate() {
            for block in segment.blocks() {
                let place = Place { head: kv * group + index, kv, origin: segment.rows.start, block };
                block_backward(saved, &place, scratch, [&mut **dqueries, &mut **dkeys, &mut **dvalues]);
            }
        }
    });
}

/// A block of queries of one head, and the first row of its segment.
struct Place {
    head: usize,
    kv: usize,
    origin: usize,
    block: Range<usize>,
}

fn block_backward(saved: Saved<'_>, place: &Place, scratch: &mut Scratch, [dq, dk, dv]: [&mut [f32]; 3]) {
    let Place { head, kv, origin, ref block } = *place;
    let (split, dim) = (saved.split, saved.split.heads.head_dim);
    let keys = keys_of(block, saved.first_keys);
    let (rows, columns) = (block.len(), keys.len());
    let Scratch { probabilities, gradients } = scratch;
    split.scores(head, block, &keys, probabilities);
    let width = split.heads.query_width();
    let dy = View::rows(&saved.dy[block.start * width + head * dim..], width);
    gradients.resize(rows * columns, 0.0);
    let values = View::rows(split.value(kv, keys.clone()), dim);
    let shape = Shape { rows, columns, inner: dim };
    product::serial((gradients, columns), shape, (1.0, false), dy, values.transposed());
    score_gradients(saved, place, &keys, probabilities, gradients);

    let seen = (keys.start - origin) * dim..(keys.end - origin) * dim;
    let back = Shape { rows: columns, columns: dim, inner: rows };
    let p = View::rows(probabilities, columns).transposed();
    product::serial((&mut dv[seen.clone()], dim), back, (1.0, true), p, dy);
    let ds = View::rows(gradients, columns);
    let queries = View::rows(split.query(head, block.clone()), dim);
    product::serial((&mut dk[seen], dim), back, (1.0, true), ds.transposed(), queries);
    let own = (block.start - origin) * dim..(block.end - origin) * dim;
    let keys = View::rows(split.key(kv, keys), dim);
    product::serial((&mut dq[own], dim), Shape { rows, columns: dim, inner: columns }, (1.0, true), ds, keys);
}

/// Turns scores into probabilities, and the gradients of the probabilities into those of the products q k.
fn score_gradients(saved: Saved<'_>, place: &Place, keys: &Range<usize>, scores: &mut [f32], dp: &mut [f32]) {
    let Heads { query_heads, head_dim: dim, .. } = saved.split.heads;
    let width = saved.split.heads.query_width();
    let scale = 1.0 / (dim as f32).sqrt();
    vectorized(
        #[inline(always)]
        || {
            let rows = scores.chunks_exact_mut(keys.len()).zip(dp.chunks_exact_mut(keys.len()));
            for (index, (scores, dp)) in rows.enumerate() {
                let row = place.block.start + index;
                let own = row * width + place.head * dim;
                let d = reduce::dot(&saved.dy[own..own + dim], &saved.out[own..own + dim]);
                let log_sum = saved.log_sums[row * query_heads + place.head];
                let seen = saved.first_keys[row] as usize - keys.start..row + 1 - keys.start;
                for unseen in [0..seen.start, seen.end..keys.len()] {
                    scores[unseen.clone()].fill(0.0);
                    dp[unseen].fill(0.0);
                }
                for (score, dp) in scores[seen.clone()].iter_mut().zip(&mut dp[seen]) {
                    let p = math::exp(*score - log_sum);
                    (*score, *dp) = (p, p * (*dp - d) * scale);
                }
            }
        },
    );
}
