//! Keys and values of past tokens in blocks, and the attention of one new token to them.

use std::ops::Range;

use crate::kernels::{columns::Columns, math, vectorized};

/// Tokens of one block: as many as the lanes of the widest vector, so that one product scores a block.
pub(crate) const BLOCK: usize = 16;

/// The keys and values of all layers. A block of a layer and a head holds its keys dimension by dimension and its values
/// token by token.
#[derive(Debug)]
pub(crate) struct KvCache {
    keys: Vec<[f32; BLOCK]>,
    values: Vec<[f32; BLOCK]>,
    cells: Cells,
}

/// How the cache is cut: a cell is a block of one layer and head.
#[derive(Clone, Copy, Debug)]
struct Cells {
    blocks: usize,
    heads: usize,
    head_dim: usize,
    /// Vectors of [`BLOCK`] lanes that hold the values of one token.
    vectors: usize,
}

impl Cells {
    #[inline(always)]
    fn index(self, layer: usize, block: usize, head: usize) -> usize {
        (layer * self.blocks + block) * self.heads + head
    }
}

impl KvCache {
    /// Room for `blocks` blocks of each of `layers` layers. The memory is touched only when it is written.
    pub(crate) fn new(layers: usize, blocks: usize, heads: usize, head_dim: usize) -> Self {
        let cells = Cells { blocks, heads, head_dim, vectors: head_dim.div_ceil(BLOCK) };
        let count = layers * blocks * heads;
        Self {
            keys: vec![[0.0; BLOCK]; count * head_dim],
            values: vec![[0.0; BLOCK]; count * BLOCK * cells.vectors],
            cells,
        }
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.cells.blocks
    }

    /// The cache on loan, to be written from several threads.
    pub(crate) fn writer(&mut self) -> Writer<'_> {
        let (keys, values) = (self.keys.as_flattened_mut(), self.values.as_flattened_mut());
        let width = BLOCK * self.cells.vectors;
        Writer { keys: Columns::new(keys, BLOCK), values: Columns::new(values, width), cells: self.cells }
    }

    /// Makes a block ready for another sequence: a weight of 0 must not meet an old value that is not finite.
    pub(crate) fn clear(&mut self, block: u32) {
        let (heads, values) = (self.cells.heads, BLOCK * self.cells.vectors);
        for layer in 0..self.layers() {
            let cell = self.cells.index(layer, block as usize, 0);
            self.values[cell * values..(cell + heads) * values].fill([0.0; BLOCK]);
        }
    }

    /// Copies a whole block, in every layer.
    pub(crate) fn copy(&mut self, from: u32, to: u32) {
        let Cells { heads, head_dim: keys, vectors, .. } = self.cells;
        let values = BLOCK * vectors;
        for layer in 0..self.layers() {
            let [from, to] = [from, to].map(|block| self.cells.index(layer, block as usize, 0));
            self.keys.copy_within(from * keys..(from + heads) * keys, to * keys);
            self.values.copy_within(from * values..(from + heads) * values, to * values);
        }
    }

    fn layers(&self) -> usize {
        self.keys.len() / (self.cells.blocks * self.cells.heads * self.cells.head_dim)
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
                    queries.chunks_exact(self.cells.head_dim).zip(out.chunks_exact_mut(self.cells.head_dim))
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
            let cell = self.cells.index(to.layer, to.table[block] as usize, to.head);
            let keys = &self.keys[cell * self.cells.head_dim..][..self.cells.head_dim];
            let scored = &mut scores[block];
            *scored = products(query, keys);
            scored.iter_mut().for_each(|score| *score *= to.scale);
            highest = scored[lanes_of(&to.seen, block)].iter().copied().fold(highest, f32::max);
        }
        highest
    }

    /// `out = Σ_j weight_j v_j · factor`.
    #[inline(always)]
    fn blend(&self, to: &Attention<'_>, weights: &[[f32; BLOCK]], factor: f32, out: &mut [f32]) {
        let mut vector = 0;
        for out in out.chunks_mut(4 * BLOCK) {
            match out.len().div_ceil(BLOCK) {
                4 => self.blend_vectors::<4>(to, weights, factor, vector, out),
                3 => self.blend_vectors::<3>(to, weights, factor, vector, out),
                2 => self.blend_vectors::<2>(to, weights, factor, vector, out),
                _ => self.blend_vectors::<1>(to, weights, factor, vector, out),
            }
            vector += 4;
        }
    }

    /// [`blend`](Self::blend) of `VECTORS` vectors from `first` on. Even and odd positions have sums of their own, so that
    /// one product need not wait for the last.
    #[inline(always)]
    fn blend_vectors<const VECTORS: usize>(
        &self,
        to: &Attention<'_>,
        weights: &[[f32; BLOCK]],
        factor: f32,
        first: usize,
        out: &mut [f32],
    ) {
        let mut sums = [[[0.0; BLOCK]; VECTORS]; 2];
        for block in blocks_of(&to.seen) {
            let cell = self.cells.index(to.layer, to.table[block] as usize, to.head);
            let values = &self.values[cell * BLOCK * self.cells.vectors..][..BLOCK * self.cells.vectors];
            for (pair, weights) in
                values.chunks_exact(2 * self.cells.vectors).zip(weights[block].as_chunks::<2>().0)
            {
                for (parity, sums) in sums.iter_mut().enumerate() {
                    let row = &pair[parity * self.cells.vectors + first..][..VECTORS];
                    for (sums, values) in sums.iter_mut().zip(row) {
                        for lane in 0..BLOCK {
                            sums[lane] = weights[parity].mul_add(values[lane], sums[lane]);
                        }
                    }
                }
            }
        }
        for (vector, out) in out.chunks_mut(BLOCK).enumerate() {
            for (lane, out) in out.iter_mut().enumerate() {
                *out = (sums[0][vector][lane] + sums[1][vector][lane]) * factor;
            }
        }
    }
}

/// The cache, to be written token by token from several threads.
pub(crate) struct Writer<'a> {
    /// A row is a dimension of a cell.
    keys: Columns<'a>,
    /// A row is a token of a cell.
    values: Columns<'a>,
    cells: Cells,
}

impl Writer<'_> {
    /// Notes the rotated keys and the values (all heads, one after another) of the token at `position`.
    ///
    /// # Safety
    /// No other thread may write the same position of the same block at this moment.
    #[expect(unsafe_code, reason = "tokens of one block stand in one another's rows")]
    pub(crate) unsafe fn write(
        &self,
        layer: usize,
        table: &[u32],
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) {
        let head_dim = self.cells.head_dim;
        let (block, slot) = (table[position / BLOCK] as usize, position % BLOCK);
        for (head, (key, value)) in keys.chunks_exact(head_dim).zip(values.chunks_exact(head_dim)).enumerate()
        {
            let cell = self.cells.index(layer, block, head);
            for (dimension, key) in key.iter().enumerate() {
                // SAFETY: lane `slot` of a cell is this position's own, which the caller alone writes.
                unsafe { self.keys.slice(cell * head_dim + dimension, slot, 1)[0] = *key };
            }
            // SAFETY: as above: row `slot` of a cell's values.
            let row = unsafe { self.values.slice(cell * BLOCK + slot, 0, head_dim) };
            row.copy_from_slice(value);
        }
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

/// The products of a query with the keys of a block, in four sums, so that one need not wait for the last.
#[inline(always)]
fn products(query: &[f32], keys: &[[f32; BLOCK]]) -> [f32; BLOCK] {
    let mut sums = [[0.0; BLOCK]; 4];
    for (query, keys) in query.chunks(4).zip(keys.chunks(4)) {
        for ((query, keys), sums) in query.iter().zip(keys).zip(&mut sums) {
            for lane in 0..BLOCK {
                sums[lane] = query.mul_add(keys[lane], sums[lane]);
            }
        }
    }
    let [first, second, third, fourth] = sums;
    std::array::from_fn(
        #[inline(always)]
        |lane| (first[lane] + second[lane]) + (third[lane] + fourth[lane]),
    )
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
