//! Causal attention over packed sequences, in blocks of queries: scores and probabilities of a block are never more than
//! [`BLOCK`] rows long, and only their log-sum-exp is kept for the backward pass (Dao et al., arXiv 2205.14135).
//!
//! A block holds rows of one long sequence or several whole short ones: many short sequences then share one product, and
//! each row looks only at its own keys.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Heads, Shape,
    product::{self, View},
    reduce,
};
use crate::kernels::{math, vectorized};

/// Queries of one block of a long sequence.
const BLOCK: usize = 64;
/// Short sequences share a block up to so many rows.
const SHARED: usize = 32;

/// Rows that attend only to each other: one long sequence, or several short ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its rows in the packed batch.
    pub(super) rows: Range<usize>,
}

impl Segment {
    /// Cuts a packed batch.
    pub(super) fn cut(offsets: &[usize]) -> Vec<Self> {
        let mut segments: Vec<Self> = Vec::new();
        for ends in offsets.windows(2) {
            match segments.last_mut() {
                Some(last) if ends[1] - last.rows.start <= SHARED => last.rows.end = ends[1],
                _ if ends[0] == ends[1] => {}
                _ => segments.push(Self { rows: ends[0]..ends[1] }),
            }
        }
        segments
    }

    /// Its blocks of queries.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let end = self.rows.end;
        self.rows.clone().step_by(BLOCK).map(move |start| start..end.min(start + BLOCK))
    }
}

/// One matrix a head, `heads x rows x head_dim`, q over k over v.
#[derive(Clone, Copy)]
pub(super) struct Split<'a> {
    pub(super) values: &'a [f32],
    pub(super) heads: Heads,
}

impl<'a> Split<'a> {
    /// The given rows of a head, counted over q, then k, then v.
    pub(super) fn of(&self, head: usize, rows: Range<usize>) -> &'a [f32] {
        let start = head * self.heads.rows;
        &self.values[(start + rows.start) * self.heads.head_dim..(start + rows.end) * self.heads.head_dim]
    }

    pub(super) fn query(&self, head: usize, rows: Range<usize>) -> &'a [f32] {
        self.of(head, rows)
    }

    pub(super) fn key(&self, head: usize, rows: Range<usize>) -> &'a [f32] {
        self.of(self.heads.query_heads + head, rows)
    }

    pub(super) fn value(&self, head: usize, rows: Range<usize>) -> &'a [f32] {
        self.of(self.heads.query_heads + self.heads.kv_heads + head, rows)
    }

    /// q kᵀ / √head_dim of a block of queries and its keys.
    pub(super) fn scores(
        &self,
        head: usize,
        queries: &Range<usize>,
        keys: &Range<usize>,
        out: &mut Vec<f32>,
    ) {
        let dim = self.heads.head_dim;
        let kv = head / (self.heads.query_heads / self.heads.kv_heads);
        out.resize(queries.len() * keys.len(), 0.0);
        product::serial(
            (out, keys.len()),
            Shape { rows: queries.len(), columns: keys.len(), inner: dim },
            (1.0 / (dim as f32).sqrt(), false),
            View::rows(self.query(head, queries.clone()), dim),
            View::rows(self.key(kv, keys.clone()), dim).transposed(),
        );
    }
}

/// The keys that any row of a block sees. `first_keys` grows with the row.
pub(super) fn keys_of(block: &Range<usize>, first_keys: &[u32]) -> Range<usize> {
    first_keys[block.start] as usize..block.end
}

/// Writes the output (`rows x query_width`) and the log-sum-exp of the scores (`rows x query_heads`).
pub(super) fn forward(
    split: Split<'_>,
    segments: &[Segment],
    first_keys: &[u32],
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    let (width, heads) = (split.heads.query_width(), split.heads.query_heads);
    let (mut out, mut log_sums) = (out, log_sums);
    let mut tasks = Vec::new();
    for block in segments.iter().flat_map(Segment::blocks) {
        let out = out.split_off_mut(..block.len() * width).unwrap_or_default();
        let log_sums = log_sums.split_off_mut(..block.len() * heads).unwrap_or_default();
        tasks.push((block, out, log_sums));
    }
    tasks.into_par_iter().for_each_init(Vec::new, |scores, (block, out, log_sums)| {
        for head in 0..heads {
            attend(split, head, &block, first_keys, scores, (&mut *out, &mut *log_sums));
        }
    });
}

/// One head of one block.
fn attend(
    split: Split<'_>,
    head: usize,
    block: &Range<usize>,
    first_keys: &[u32],
    scores: &mut Vec<f32>,
    (out, log_sums): (&mut [f32], &mut [f32]),
) {
    let Heads { query_heads, kv_heads, head_dim: dim, .. } = split.heads;
    let keys = keys_of(block, first_keys);
    split.scores(head, block, &keys, scores);
    let mut inverse = [0.0_f32; BLOCK];
    vectorized(
        #[inline(always)]
        || {
            for (index, scores) in scores.chunks_exact_mut(keys.len()).enumerate() {
                let row = block.start + index;
                let seen = first_keys[row] as usize - keys.start..row + 1 - keys.start;
                let (max, sum) = exponentials(scores, seen);
                inverse[index] = 1.0 / sum;
                log_sums[index * query_heads + head] = max + sum.ln();
            }
        },
    );
    let (width, out) = (split.heads.query_width(), &mut out[head * dim..]);
    product::serial(
        (&mut *out, width),
        Shape { rows: block.len(), columns: dim, inner: keys.len() },
        (1.0, false),
        View::rows(scores, keys.len()),
        View::rows(split.value(head / (query_heads / kv_heads), keys), dim),
    );
    for (row, inverse) in out.chunks_mut(width).zip(inverse) {
        for value in &mut row[..dim] {
            *value *= inverse;
        }
    }
}

/// Turns the seen scores of a row into e^(score − maximum) and the others into 0; gives the maximum and the sum.
#[inline(always)]
fn exponentials(scores: &mut [f32], seen: Range<usize>) -> (f32, f32) {
    scores[..seen.start].fill(0.0);
    scores[seen.end..].fill(0.0);
    let scores = &mut scores[seen];
    let max = reduce::max(scores);
    for score in scores.iter_mut() {
        *score = math::exp(*score - max);
    }
    (max, reduce::sum(scores))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_sequences_share_a_segment_and_long_ones_do_not() {
        let segments = Segment::cut(&[0, 9, 18, 27, 36, 36, 200, 201]);
        let rows: Vec<_> = segments.iter().map(|segment| segment.rows.clone()).collect();
        assert_eq!(rows, [0..27, 27..36, 36..200, 200..201]);
        let blocks: Vec<_> = segments[2].blocks().collect();
        assert_eq!(blocks, [36..100, 100..164, 164..200]);
        assert!(Segment::cut(&[0]).is_empty());
    }
}
