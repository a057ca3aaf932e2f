//! Causal attention over packed sequences, and its gradient.

use super::{Argument, Card, Launch, SHARED_BYTES, WARP, count, size};
use crate::kernels::train::{Heads, layout::CpuLayout};

/// Rows of a warp, and numbers of a row that a lane holds, as the kernels declare them.
const ROWS: usize = 4;
const PARTS: usize = 8;
/// Queries of a tile.
const TILE: usize = 32;

/// A packed batch on the card.
#[derive(Debug)]
pub(crate) struct Layout<C: Card> {
    rows: usize,
    half: usize,
    pub(super) positions: C::Words,
    pub(super) cosines: C::Floats,
    pub(super) sines: C::Floats,
    spans: C::Words,
    tiles: C::Words,
    tile_count: usize,
}

impl<C: Card> Layout<C> {
    /// See [`Kernels::layout`](crate::kernels::train::Kernels::layout).
    pub(crate) fn new(
        card: &C,
        offsets: &[usize],
        branches: &[bool],
        window: Option<usize>,
        frequencies: &[f32],
    ) -> Result<Self, C::Error> {
        let host = CpuLayout::new(offsets, branches, window, frequencies);
        let angles = host.angles();
        let spans = spans(offsets, branches, &host.first_keys);
        let tiles = tiles(&spans);
        Ok(Self {
            rows: host.first_keys.len(),
            half: frequencies.len(),
            positions: card.words(angles.positions)?,
            cosines: card.upload(angles.cos)?,
            sines: card.upload(angles.sin)?,
            spans: card.words(spans.as_flattened())?,
            tiles: card.words(tiles.as_flattened())?,
            tile_count: tiles.len(),
        })
    }

    /// Whether it was made for these rows and this width of a head.
    pub(super) fn serves(&self, heads: Heads) -> bool {
        self.rows == heads.rows && 2 * self.half == heads.head_dim
    }
}

/// For each row, the first key of its own sequence that it sees, begin and end of its stem, and the last row that sees it
/// as a key.
fn spans(offsets: &[usize], branches: &[bool], first_keys: &[u32]) -> Vec<[u32; 4]> {
    let mut spans = Vec::with_capacity(first_keys.len());
    let mut stem = 0..0;
    for (ends, is_branch) in offsets.windows(2).zip(branches) {
        let own = ends[0]..ends[1];
        let [begin, end] = if *is_branch { [stem.start, stem.end] } else { [0, 0] };
        let mut last = own.start;
        for row in own.clone() {
            // First keys grow with the row, so the last row that sees a key does too.
            while last + 1 < own.end && first_keys[last + 1] as usize <= row {
                last += 1;
            }
            spans.push([first_keys[row], size(begin), size(end), size(last.max(row))]);
        }
        if *is_branch && !own.is_empty() {
            spans[stem.clone()].iter_mut().for_each(|span| span[3] = size(own.end - 1));
        }
        if !is_branch {
            stem = own;
        }
    }
    spans
}

/// Cuts the rows into tiles of queries that share a stem: first row and number of rows.
fn tiles(spans: &[[u32; 4]]) -> Vec<[u32; 2]> {
    let mut tiles = Vec::new();
    let mut first = 0;
    for group in spans.chunk_by(|a, b| a[1..3] == b[1..3]) {
        for part in group.chunks(TILE) {
            tiles.push([size(first), size(part.len())]);
            first += part.len();
        }
    }
    tiles
}

/// The kernels' blocks: as many warps as find room for `held` buffers of rows, a tile and `weights` of each row.
fn geometry(kernel: &'static str, dim: usize, held: usize) -> Option<Launch> {
    let bytes = |warps: usize| {
        let rows = warps * ROWS;
        4 * (held * rows * dim + WARP * (dim + 1) + rows * WARP)
    };
    let warps = [8, 4, 2, 1].into_iter().find(|warps| bytes(*warps) <= SHARED_BYTES)?;
    let threads = (warps * WARP) as u32;
    Some(Launch { kernel, grid: [1; 3], threads, shared_bytes: bytes(warps) as u32 })
}

impl Launch {
    /// Rows of a block.
    fn capacity(&self) -> usize {
        self.threads as usize / WARP * ROWS
    }

    /// Over tiles of queries, each of as many blocks as it needs, and query heads; gives the blocks of a tile.
    fn over_queries<C: Card>(mut self, layout: &Layout<C>, heads: Heads) -> (Self, usize) {
        let blocks = TILE.div_ceil(self.capacity());
        self.grid = [size(layout.tile_count * blocks), size(heads.query_heads), 1];
        (self, blocks)
    }
}

/// Whether sizes are such as the kernels serve, and the buffer holds all heads of all rows.
fn fits<C: Card>(card: &C, split: &C::Floats, heads: Heads, layout: &Layout<C>) -> bool {
    let Heads { query_heads, kv_heads, head_dim, .. } = heads;
    layout.serves(heads)
        && kv_heads > 0
        && query_heads.is_multiple_of(kv_heads)
        && head_dim <= WARP * PARTS
        && card.len(split) == heads.rows * heads.width()
}

fn sizes<'a, C: Card>(heads: Heads) -> [Argument<'a, C>; 5] {
    let Heads { rows, query_heads, kv_heads, head_dim } = heads;
    let scale = Argument::Real(1.0 / (head_dim as f32).sqrt());
    [count(rows), count(query_heads), count(kv_heads), count(head_dim), scale]
}

/// The output (`rows x query_width`) and the log-sum-exp of the scores (`rows x query_heads`).
pub(crate) fn forward<C: Card>(
    card: &C,
    split: &C::Floats,
    heads: Heads,
    layout: &Layout<C>,
) -> Result<(C::Floats, C::Floats), C::Error> {
    card.check(fits(card, split, heads, layout))?;
    let mut out = card.floats(heads.rows * heads.query_width())?;
    let mut log_sums = card.floats(heads.rows * heads.query_heads)?;
    if heads.rows > 0 {
        let launch = geometry("attention", heads.head_dim, 1).ok_or_else(|| card.misfit())?;
        let (launch, blocks) = launch.over_queries(layout, heads);
        let mut arguments = vec![
            Argument::Read(split),
            Argument::Words(&layout.spans),
            Argument::Words(&layout.tiles),
            Argument::Write(&mut out),
            Argument::Write(&mut log_sums),
        ];
        arguments.extend(sizes(heads));
        arguments.push(count(blocks));
        // SAFETY: tiles cover the rows once, and spans name only rows; `split` has all rows of all heads, the outputs
        // all rows; a lane has room for its part of a head, and a block the shared memory that it divides up.
        unsafe { card.launch(launch, &mut arguments)? };
    }
    Ok((out, log_sums))
}

/// The gradient of the heads, from what [`forward`] read and gave.
pub(crate) fn backward<C: Card>(
    card: &C,
    split: &C::Floats,
    (out, log_sums): (&C::Floats, &C::Floats),
    dy: &C::Floats,
    heads: Heads,
    layout: &Layout<C>,
) -> Result<C::Floats, C::Error> {
    let units = heads.rows * heads.query_heads;
    card.check(fits(card, split, heads, layout))?;
    card.check([card.len(out), card.len(dy)] == [units * heads.head_dim; 2] && card.len(log_sums) == units)?;
    let mut dheads = card.floats(card.len(split))?;
    if heads.rows == 0 {
        return Ok(dheads);
    }
    let mut row_sums = card.floats(units)?;
    let mut arguments = [
        Argument::Read(out),
        Argument::Read(dy),
        Argument::Write(&mut row_sums),
        count(heads.head_dim),
        super::length(units),
    ];
    // SAFETY: one warp for each head of each row, of which `out` and `dy` have all numbers and `row_sums` one.
    unsafe { card.launch(Launch::warps("attention_row_sums", units), &mut arguments)? };
    let saved = [log_sums, &row_sums, dy];
    backward_queries(card, split, saved, &mut dheads, heads, layout)?;
    backward_keys(card, split, saved, &mut dheads, heads, layout)?;
    Ok(dheads)
}

fn backward_queries<C: Card>(
    card: &C,
    split: &C::Floats,
    [log_sums, row_sums, dy]: [&C::Floats; 3],
    dheads: &mut C::Floats,
    heads: Heads,
    layout: &Layout<C>,
) -> Result<(), C::Error> {
    let launch = geometry("attention_backward_queries", heads.head_dim, 2).ok_or_else(|| card.misfit())?;
    let (launch, blocks) = launch.over_queries(layout, heads);
    let mut arguments = vec![
        Argument::Read(split),
        Argument::Words(&layout.spans),
        Argument::Words(&layout.tiles),
        Argument::Read(log_sums),
        Argument::Read(row_sums),
        Argument::Read(dy),
        Argument::Write(dheads),
    ];
    arguments.extend(sizes(heads));
    arguments.push(count(blocks));
    // SAFETY: as in `forward`; `backward` has checked what was saved.
    unsafe { card.launch(launch, &mut arguments) }
}

fn backward_keys<C: Card>(
    card: &C,
    split: &C::Floats,
    [log_sums, row_sums, dy]: [&C::Floats; 3],
    dheads: &mut C::Floats,
    heads: Heads,
    layout: &Layout<C>,
) -> Result<(), C::Error> {
    let mut launch = geometry("attention_backward_keys", heads.head_dim, 2).ok_or_else(|| card.misfit())?;
    launch.grid = [size(heads.rows.div_ceil(launch.capacity())), size(heads.kv_heads), 1];
    let mut arguments = vec![
        Argument::Read(split),
        Argument::Words(&layout.spans),
        Argument::Read(log_sums),
        Argument::Read(row_sums),
        Argument::Read(dy),
        Argument::Write(dheads),
    ];
    arguments.extend(sizes(heads));
    // SAFETY: blocks cover the rows as keys once; the rest as in `forward`, and `backward` has checked what was saved.
    unsafe { card.launch(launch, &mut arguments) }
}
