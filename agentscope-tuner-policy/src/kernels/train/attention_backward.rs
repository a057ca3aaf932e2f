//! The gradient of the attention. Probabilities are computed again from the log-sum-exp.
//!
//! With P the probabilities, D the row sums of dO ∘ O: dV = Pᵀ dO, dS = P ∘ (dO Vᵀ − D) / √head_dim, dQ = dS K,
//! dK = dSᵀ Q (Dao et al., arXiv 2205.14135, appendix B.2).

use rayon::prelude::*;

use super::{
    Heads, Shape,
    attention::{Block, Keys, Split, Tree},
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
/// A task is one tree of one key head with all query heads that share it: nobody else writes these rows.
pub(super) fn backward(saved: Saved<'_>, trees: &[Tree], dheads: &mut [f32]) {
    let Heads { rows, query_heads, kv_heads, head_dim } = saved.split.heads;
    let group = query_heads / kv_heads;
    let mut tasks: Vec<Vec<&mut [f32]>> = (0..kv_heads * trees.len()).map(|_| Vec::new()).collect();
    for (head, mut chunk) in dheads.chunks_mut(rows * head_dim).enumerate() {
        // q heads come first, `group` of them to a key head, then k and v heads.
        let kv = if head < query_heads { head / group } else { (head - query_heads) % kv_heads };
        for (index, tree) in trees.iter().enumerate() {
            let part = chunk.split_off_mut(..tree.rows.len() * head_dim).unwrap_or_default();
            tasks[kv * trees.len() + index].push(part);
        }
    }
    tasks.into_par_iter().enumerate().for_each_init(Scratch::default, |scratch, (task, mut parts)| {
        let (kv, tree) = (task / trees.len(), &trees[task % trees.len()]);
        let (queries, keys_and_values) = parts.split_at_mut(group);
        let [dkeys, dvalues] = keys_and_values else { unreachable!("each key head has one k and one v") };
        for (index, dqueries) in queries.iter_mut().enumerate() {
            for block in &tree.blocks {
                let place = Place { head: kv * group + index, kv, origin: tree.rows.start, block };
                block_backward(saved, &place, scratch, [&mut **dqueries, &mut **dkeys, &mut **dvalues]);
            }
        }
    });
}

/// A block of queries of one head, and the first row of its tree.
struct Place<'a> {
    head: usize,
    kv: usize,
    origin: usize,
    block: &'a Block,
}

fn block_backward(saved: Saved<'_>, place: &Place<'_>, scratch: &mut Scratch, [dq, dk, dv]: [&mut [f32]; 3]) {
    let Place { head, kv, origin, block: Block { rows: queries, .. } } = *place;
    let (split, dim) = (saved.split, saved.split.heads.head_dim);
    let keys = Keys::of(place.block, saved.first_keys);
    let (rows, columns) = (queries.len(), keys.len());
    let Scratch { probabilities, gradients } = scratch;
    split.scores(head, queries, &keys, probabilities);
    let width = split.heads.query_width();
    let dy = View::rows(&saved.dy[queries.start * width + head * dim..], width);
    gradients.resize(rows * columns, 0.0);
    for (column, part) in keys.parts() {
        let shape = Shape { rows, columns: part.len(), inner: dim };
        let values = View::rows(split.value(kv, part), dim).transposed();
        product::serial((&mut gradients[column..], columns), shape, (1.0, false), dy, values);
    }
    score_gradients(saved, place, &keys, probabilities, gradients);

    let own = (queries.start - origin) * dim..(queries.end - origin) * dim;
    let q = View::rows(split.query(head, queries.clone()), dim);
    for (column, part) in keys.parts() {
        let seen = (part.start - origin) * dim..(part.end - origin) * dim;
        let back = Shape { rows: part.len(), columns: dim, inner: rows };
        let p = View::rows(&probabilities[column..], columns).transposed();
        product::serial((&mut dv[seen.clone()], dim), back, (1.0, true), p, dy);
        let ds = View::rows(&gradients[column..], columns);
        product::serial((&mut dk[seen], dim), back, (1.0, true), ds.transposed(), q);
        let shape = Shape { rows, columns: dim, inner: part.len() };
        let k = View::rows(split.key(kv, part), dim);
        product::serial((&mut dq[own.clone()], dim), shape, (1.0, true), ds, k);
    }
}

/// Turns scores into probabilities, and the gradients of the probabilities into those of the products q k.
fn score_gradients(saved: Saved<'_>, place: &Place<'_>, keys: &Keys, scores: &mut [f32], dp: &mut [f32]) {
    let Heads { query_heads, head_dim: dim, .. } = saved.split.heads;
    let width = saved.split.heads.query_width();
    let scale = 1.0 / (dim as f32).sqrt();
    vectorized(
        #[inline(always)]
        || {
            let rows = scores.chunks_exact_mut(keys.len()).zip(dp.chunks_exact_mut(keys.len()));
            for (index, (scores, dp)) in rows.enumerate() {
                let row = place.block.rows.start + index;
                let own = row * width + place.head * dim;
                let d = reduce::dot(&saved.dy[own..own + dim], &saved.out[own..own + dim]);
                let log_sum = saved.log_sums[row * query_heads + place.head];
                let [stem, seen] = keys.seen(row, saved.first_keys);
                for unseen in [stem.end..seen.start, seen.end..keys.len()] {
                    scores[unseen.clone()].fill(0.0);
                    dp[unseen].fill(0.0);
                }
                for part in [stem, seen] {
                    for (score, dp) in scores[part.clone()].iter_mut().zip(&mut dp[part]) {
                        let p = math::exp(*score - log_sum);
                        (*score, *dp) = (p, p * (*dp - d) * scale);
                    }
                }
            }
        },
    );
}
