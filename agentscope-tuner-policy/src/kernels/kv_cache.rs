//! Keys and values of past tokens in blocks, and the attention of one new token to them.

use std::ops::Range;

use crate::kernels::{math, vectorized};

/// Tokens of one block: as many as the lanes of the widest vector, so that one product scores a block.
pub(crate) const BLOCK: usize = 16;

/// The keys and values of all layers. A block of a layer and a head holds its keys dimension by dimension and its values
/// token by token.
#[derive(Debug)]
pub(crate) struct KvCache {
    keys: Vec<[f32; BLOCK]>,
    values: Vec<[f32; BLOCK]>,
    blocks: usize,
    heads: usize,
    head_dim: usize,
    /// Vectors of [`BLOCK`] lanes that hold the values of one token.
    vectors: usize,
}

impl KvCache {
    /// Room for `blocks` blocks of each of `layers` layers. The memory is touched only when it is written.
    pub(crate) fn new(layers: usize, blocks: usize, heads: usize, head_dim: usize) -> Self {
        let vectors = head_dim.div_ceil(BLOCK);
        let cells = layers * blocks * heads;
        Self {
            keys: vec![[0.0; BLOCK]; cells * head_dim],
            values: vec![[0.0; BLOCK]; cells * BLOCK * vectors],
            blocks,
            heads,
            head_dim,
            vectors,
        }
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Notes the rotated keys and the values (all heads, one after another) of the token at `position`.
    pub(crate) fn write(
        &mut self,
        layer: usize,
        table: &[u32],
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) {
        let (block, slot) = (table[position / BLOCK] as usize, position % BLOCK);
        for (head, (key, value)) in
            keys.chunks_exact(self.head_dim).zip(values.chunks_exact(self.head_dim)).enumerate()
        {
            let cell = self.cell(layer, block, head);
            for (lanes, key) in self.keys[cell * self.head_dim..].iter_mut().zip(key) {
                lanes[slot] = *key;
            }
            let row = (cell * BLOCK + slot) * self.vectors;
            self.values[row..][..self.vectors].as_flattened_mut()[..self.head_dim].copy_from_slice(value);
        }
    }

    /// Makes a block ready for another sequence: a weight of 0 must not meet an old value that is not finite.
    pub(crate) fn clear(&mut self, block: u32) {
        let layers = self.keys.len() / (self.blocks * self.heads * self.head_dim);
        let values = BLOCK * self.vectors;
        for layer in 0..layers {
            let cell = self.cell(layer, block as usize, 0);
            self.values[cell * values..(cell + self.heads) * values].fill([0.0; BLOCK]);
        }
    }

    /// Copies a whole block, in every layer.
    pub(crate) fn copy(&mut self, from: u32, to: u32) {
        let layers = self.keys.len() / (self.blocks * self.heads * self.head_dim);
        for layer in 0..layers {
            let (from, to) = (self.cell(layer, from as usize, 0), self.cell(layer, to as usize, 0));
            let (keys, values) = (self.head_dim, BLOCK * self.vectors);
            self.keys.copy_within(from * keys..(from + self.heads) * keys, to * keys);
            self.values.copy_within(from * values..(from + self.heads) * values, to * values);
        }
    }

    /// Attention of the query heads that share key head `head` to the tokens at `seen`; `queries` and `out` hold those
    /// heads one after another, `scores` is scratch for `seen` rounded to blocks.
    ///
    /// `out = Σ_j softmax_j(q·k_j · scale) v_j`; sums run over positions in one fixed order.
    pub(crate) fn attend(
        &self,
        to: &Attention<'_>,
        queries: &[f32],
        out: &mut [f32],
        scores: &mut [[f32; BLOCK]],
    ) {
        vectorized(
            #[inline(always)]
            || {
                for (query, out) in
                    queries.chunks_exact(self.head_dim).zip(out.chunks_exact_mut(self.head_dim))
                {
                    let highest = self.score(to, query, scores);
                    let total = exponentials(&to.seen, scores, highest);
                    self.blend(to, scores, 1.0 / total, out);
                }
            },
        );
    }

    /// Fills in the scores and gives the highest.
    #[inline(always)]
    fn score(&self, to: &Attention<'_>, query: &[f32], scores: &mut [[f32; BLOCK]]) -> f32 {
        let mut highest = f32::NEG_INFINITY;
        for block in blocks_of(&to.seen) {
            let cell = self.cell(to.layer, to.table[block] as usize, to.head);
            let keys = &self.keys[cell * self.head_dim..][..self.head_dim];
            // Two sums, so that one product need not wait for the last.
            let mut sums = [[0.0; BLOCK]; 2];
            for (pair, keys) in query.as_chunks::<2>().0.iter().zip(keys.as_chunks::<2>().0) {
                for lane in 0..BLOCK {
                    sums[0][lane] = pair[0].mul_add(keys[0][lane], sums[0][lane]);
                    sums[1][lane] = pair[1].mul_add(keys[1][lane], sums[1][lane]);
                }
            }
            let scored = &mut scores[block];
            for lane in 0..BLOCK {
                scored[lane] = (sums[0][lane] + sums[1][lane]) * to.scale;
            }
            highest = scored[lanes_of(&to.seen, block)].iter().copied().fold(highest, f32::max);
        }
        highest
    }

    /// `out = Σ_j weight_j v_j · factor`.
    #[inline(always)]
    fn blend(&self, to: &Attention<'_>, weights: &[[f32; BLOCK]], factor: f32, out: &mut [f32]) {
        for (vector, out) in out.chunks_mut(BLOCK).enumerate() {
            let mut sums = [[0.0; BLOCK]; 2];
            for block in blocks_of(&to.seen) {
                let cell = self.cell(to.layer, to.table[block] as usize, to.head);
                let values = &self.values[cell * BLOCK * self.vectors..][..BLOCK * self.vectors];
                for (pair, weights) in weights[block].as_chunks::<2>().0.iter().enumerate() {
                    let even = &values[2 * pair * self.vectors + vector];
                    let odd = &values[(2 * pair + 1) * self.vectors + vector];
                    for lane in 0..BLOCK {
                        sums[0][lane] = weights[0].mul_add(even[lane], sums[0][lane]);
                        sums[1][lane] = weights[1].mul_add(odd[lane], sums[1][lane]);
                    }
                }
            }
            for (lane, out) in out.iter_mut().enumerate() {
                *out = (sums[0][lane] + sums[1][lane]) * factor;
            }
        }
    }

    #[inline(always)]
    fn cell(&self, layer: usize, block: usize, head: usize) -> usize {
        (layer * self.blocks + block) * self.heads + head
    }
}

/// Which keys and values a query looks at.
pub(crate) struct Attention<'a> {
    /// The layer.
    pub(crate) layer: usize,
    /// The key head.
    pub(crate) head: usize,
    /// The blocks of the sequence, by position.
    pub(crate) table: &'a [u32],
    /// Positions attended to.
    pub(crate) seen: Range<usize>,
    /// What products of queries and keys are multiplied by.
    pub(crate) scale: f32,
}

/// Replaces the scores of `seen` by e^(score - highest), those beside them in its blocks by 0, and gives the sum.
#[inline(always)]
fn exponentials(seen: &Range<usize>, scores: &mut [[f32; BLOCK]], highest: f32) -> f32 {
    let mut sums = [0.0; BLOCK];
    for block in blocks_of(seen) {
        let scored = &mut scores[block];
        for score in scored.iter_mut() {
            *score = math::exp(*score - highest);
        }
        let lanes = lanes_of(seen, block);
        scored[..lanes.start].fill(0.0);
        scored[lanes.end..].fill(0.0);
        for (sum, score) in sums.iter_mut().zip(scored) {
            *sum += *score;
        }
    }
    sums.iter().sum()
}

#[inline(always)]
fn blocks_of(seen: &Range<usize>) -> Range<usize> {
    seen.start / BLOCK..seen.end.div_ceil(BLOCK)
}

/// The lanes of `block` that `seen` covers.
#[inline(always)]
fn lanes_of(seen: &Range<usize>, block: usize) -> Range<usize> {
    let start = block * BLOCK;
    seen.start.saturating_sub(start)..(seen.end - start).min(BLOCK)
}
