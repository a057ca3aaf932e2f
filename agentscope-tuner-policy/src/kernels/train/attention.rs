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

/// Rows that attend only to each other: one long sequence, several short ones, or a stem with its branches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// Its rows in the packed batch.
    pub(super) rows: Range<usize>,
    /// They cover its rows, first to last.
    pub(super) blocks: Vec<Block>,
}

/// Queries that are computed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) rows: Range<usize>,
    /// Earlier rows that all of them attend to, besides their own sequence; often none.
    pub(super) stem: Range<usize>,
}

/// The keys that any row of a block sees: its stem, then its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    stem: Range<usize>,
    own: Range<usize>,
}

impl Tree {
    /// Cuts a packed batch. Branches go on from the last sequence before them that is none.
    pub(super) fn cut(offsets: &[usize], branches: &[bool]) -> Vec<Self> {
        let mut trees: Vec<Self> = Vec::new();
        let mut stem = 0..0;
        for (place, ends) in offsets.windows(2).enumerate() {
            let rows = ends[0]..ends[1];
            let is_branch = branches[place];
            let is_stem = !is_branch && branches.get(place + 1).is_some_and(|next| *next);
            if !is_branch {
                stem = if is_stem { rows.clone() } else { 0..0 };
            }
            // What follows a stem belongs to its tree; a short sequence shares that of the one before.
            let joins = |last: &Self| {
                is_branch
                    || (!is_stem
                        && rows.end - last.rows.start <= SHARED
                        && last.blocks.iter().all(|block| block.stem.is_empty())
                        && !last.is_long())
            };
            match trees.last_mut() {
                _ if rows.is_empty() => {}
                Some(last) if joins(last) => last.add(rows, if is_branch { stem.clone() } else { 0..0 }),
                _ => {
                    let mut tree = Self { rows: rows.start..rows.start, blocks: Vec::new() };
                    tree.add(rows, 0..0);
                    trees.push(tree);
                }
            }
        }
        trees
    }

    fn is_long(&self) -> bool {
        self.rows.len() > SHARED
    }

    /// Appends a sequence: to the last block, if both are short and have the same stem.
    fn add(&mut self, rows: Range<usize>, stem: Range<usize>) {
        self.rows.end = rows.end;
        match self.blocks.last_mut() {
            Some(last) if last.stem == stem && rows.end - last.rows.start <= SHARED => {
                last.rows.end = rows.end
            }
            _ => {
                let end = rows.end;
                let starts = rows.step_by(BLOCK);
                self.blocks.extend(
                    starts.map(|start| Block { rows: start..end.min(start + BLOCK), stem: stem.clone() }),
                );
            }
        }
    }
}

impl Keys {
    /// Those of `block`. `first_keys` grows with the row.
    pub(super) fn of(block: &Block, first_keys: &[u32]) -> Self {
        Self { stem: block.stem.clone(), own: first_keys[block.rows.start] as usize..block.rows.end }
    }

    pub(super) fn len(&self) -> usize {
        self.stem.len() + self.own.len()
    }

    /// The column where each part begins in a row of scores, and the part.
    pub(super) fn parts(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let parts = [(0, self.stem.clone()), (self.stem.len(), self.own.clone())];
        parts.into_iter().filter(|(_, rows)| !rows.is_empty())
    }

    /// The columns that `row` sees: all of the stem, and the second part.
    #[inline(always)]
    pub(super) fn seen(&self, row: usize, first_keys: &[u32]) -> [Range<usize>; 2] {
        let own = self.stem.len();
        let start = own + first_keys[row] as usize - self.own.start;
        [0..own, start..own + row + 1 - self.own.start]
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
    pub(super) fn scores(&self, head: usize, queries: &Range<usize>, keys: &Keys, out: &mut Vec<f32>) {
        let dim = self.heads.head_dim;
        let kv = head / (self.heads.query_heads / self.heads.kv_heads);
        out.resize(queries.len() * keys.len(), 0.0);
        for (column, part) in keys.parts() {
            product::serial(
                (&mut out[column..], keys.len()),
                Shape { rows: queries.len(), columns: part.len(), inner: dim },
                (1.0 / (dim as f32).sqrt(), false),
                View::rows(self.query(head, queries.clone()), dim),
                View::rows(self.key(kv, part), dim).transposed(),
            );
        }
    }
}

/// Writes the output (`rows x query_width`) and the log-sum-exp of the scores (`rows x query_heads`).
pub(super) fn forward(
    split: Split<'_>,
    trees: &[Tree],
    first_keys: &[u32],
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    let (width, heads) = (split.heads.query_width(), split.heads.query_heads);
    let (mut out, mut log_sums) = (out, log_sums);
    let mut tasks = Vec::new();
    for block in trees.iter().flat_map(|tree| &tree.blocks) {
        let out = out.split_off_mut(..block.rows.len() * width).unwrap_or_default();
        let log_sums = log_sums.split_off_mut(..block.rows.len() * heads).unwrap_or_default();
        tasks.push((block, out, log_sums));
    }
    tasks.into_par_iter().for_each_init(Vec::new, |scores, (block, out, log_sums)| {
        for head in 0..heads {
            attend(split, head, block, first_keys, scores, (&mut *out, &mut *log_sums));
        }
    });
}

/// One head of one block.
fn attend(
    split: Split<'_>,
    head: usize,
    block: &Block,
    first_keys: &[u32],
    scores: &mut Vec<f32>,
    (out, log_sums): (&mut [f32], &mut [f32]),
) {
    let Heads { query_heads, kv_heads, head_dim: dim, .. } = split.heads;
    let keys = Keys::of(block, first_keys);
    split.scores(head, &block.rows, &keys, scores);
    let mut inverse = [0.0_f32; BLOCK];
    vectorized(
        #[inline(always)]
        || {
            for (index, scores) in scores.chunks_exact_mut(keys.len()).enumerate() {
                let (max, sum) = exponentials(scores, keys.seen(block.rows.start + index, first_keys));
                inverse[index] = 1.0 / sum;
                log_sums[index * query_heads + head] = max + sum.ln();
            }
        },
    );
    let (width, out) = (split.heads.query_width(), &mut out[head * dim..]);
    for (step, (column, part)) in keys.parts().enumerate() {
        product::serial(
            (&mut *out, width),
            Shape { rows: block.rows.len(), columns: dim, inner: part.len() },
            (1.0, step > 0),
            View::rows(&scores[column..], keys.len()),
            View::rows(split.value(head / (query_heads / kv_heads), part), dim),
        );
    }
    for (row, inverse) in out.chunks_mut(width).zip(inverse) {
        for value in &mut row[..dim] {
            *value *= inverse;
        }
    }
}

/// Turns the seen scores of a row into e^(score − maximum) and the others into 0; gives the maximum and the sum.
#[inline(always)]
fn exponentials(scores: &mut [f32], seen: [Range<usize>; 2]) -> (f32, f32) {
    let [stem, own] = seen;
    scores[stem.end..own.start].fill(0.0);
    scores[own.end..].fill(0.0);
    // Every row sees itself, but not every row has a stem.
    let mut max = reduce::max(&scores[own.clone()]);
    if !stem.is_empty() {
        max = max.max(reduce::max(&scores[stem.clone()]));
    }
    let mut sum = 0.0;
    for part in [stem, own] {
        for score in &mut scores[part.clone()] {
            *score = math::exp(*score - max);
        }
        sum += reduce::sum(&scores[part]);
    }
    (max, sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(rows: Range<usize>, stem: Range<usize>) -> Block {
        Block { rows, stem }
    }

    #[test]
    fn short_sequences_share_a_block_and_long_ones_do_not() {
        let trees = Tree::cut(&[0, 9, 18, 27, 36, 36, 200, 201], &[false; 7]);
        let rows: Vec<_> = trees.iter().map(|tree| tree.rows.clone()).collect();
        assert_eq!(rows, [0..27, 27..36, 36..200, 200..201]);
        assert_eq!(trees[0].blocks, [block(0..27, 0..0)]);
        assert_eq!(trees[2].blocks, [36..100, 100..164, 164..200].map(|rows| block(rows, 0..0)));
        assert!(Tree::cut(&[0], &[]).is_empty());
    }

    #[test]
    fn branches_stand_in_the_tree_of_their_stem() {
        let offsets = [0, 4, 10, 20, 40, 45, 49];
        let trees = Tree::cut(&offsets, &[false, false, true, true, false, true]);
        let rows: Vec<_> = trees.iter().map(|tree| tree.rows.clone()).collect();
        assert_eq!(rows, [0..4, 4..40, 40..49]);
        assert_eq!(trees[1].blocks, [block(4..10, 0..0), block(10..40, 4..10)]);
        assert_eq!(trees[2].blocks, [block(40..45, 0..0), block(45..49, 40..45)]);
    }
}
