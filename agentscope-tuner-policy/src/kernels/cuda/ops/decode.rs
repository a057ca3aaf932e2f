//! The operations of a step of decoding. They write into memory that is made once: a step allocates only its plan.

use super::{Argument, Card, Launch, WARP, count, heads::Norms, length, size};
use crate::kernels::{kv_cache::BLOCK, train::Heads};

/// Numbers of a head that a warp holds, as the kernels declare them.
const WIDEST_HEAD: usize = 256;

/// Keys and values of past tokens, in blocks of [`BLOCK`] tokens.
#[derive(Debug)]
pub(crate) struct Cache<C: Card> {
    keys: C::Floats,
    values: C::Floats,
    layers: usize,
    blocks: usize,
    kv_heads: usize,
    head_dim: usize,
}

impl<C: Card> Cache<C> {
    /// Room for `blocks` blocks of each layer; what they hold means nothing yet.
    pub(crate) fn new(
        card: &C,
        layers: usize,
        blocks: usize,
        kv_heads: usize,
        head_dim: usize,
    ) -> Result<Self, C::Error> {
        let numbers = layers * blocks * kv_heads * head_dim * BLOCK;
        let [keys, values] = [card.floats(numbers)?, card.floats(numbers)?];
        Ok(Self { keys, values, layers, blocks, kv_heads, head_dim })
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Copies a block, in every layer.
    pub(crate) fn copy(&mut self, card: &C, from: u32, to: u32) -> Result<(), C::Error> {
        card.check([from, to].iter().all(|block| (*block as usize) < self.blocks) && from != to)?;
        let block = self.kv_heads * self.head_dim * BLOCK;
        let numbers = self.layers * block;
        let mut arguments = [
            Argument::Write(&mut self.keys),
            Argument::Write(&mut self.values),
            Argument::Count(from),
            Argument::Count(to),
            count(self.blocks),
            count(block),
            length(numbers),
        ];
        // SAFETY: both buffers hold `blocks` blocks of each layer, of which both numbers are one; a thread reads from one block
        // and writes to another.
        unsafe { card.launch(Launch::elements("decode_copy", numbers), &mut arguments) }
    }

    fn serves(&self, heads: Heads, layer: usize) -> bool {
        layer < self.layers && self.kv_heads == heads.kv_heads && self.head_dim == heads.head_dim
    }

    fn first_block<'a>(&self, layer: usize) -> Argument<'a, C> {
        length(layer * self.blocks)
    }
}

/// A token to read: its id, its position, and where the table of its sequence begins among all tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanRow {
    pub(crate) token: u32,
    pub(crate) position: usize,
    pub(crate) table: usize,
}

/// What the rows of a step may name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Token ids are below.
    pub(crate) vocabulary: usize,
    /// Positions are below.
    pub(crate) context: usize,
    /// Blocks are below.
    pub(crate) blocks: usize,
}

/// The rows of a step on the card, laid out as the kernels say.
#[derive(Debug)]
pub(crate) struct Plan<C: Card> {
    words: C::Words,
    rows: usize,
    bounds: Bounds,
    picks: usize,
    first_pick: usize,
}

impl<C: Card> Plan<C> {
    /// `picks` are the numbers of the rows that are sampled from. Refuses what lies outside `bounds`, so that no kernel has to
    /// look.
    pub(crate) fn new(
        card: &C,
        rows: &[PlanRow],
        tables: &[u32],
        picks: &[u32],
        bounds: Bounds,
    ) -> Result<Self, C::Error> {
        let seen = |row: &PlanRow| tables.get(row.table..=row.table + row.position / BLOCK);
        card.check(rows.iter().all(|row| {
            (row.token as usize) < bounds.vocabulary && row.position < bounds.context && seen(row).is_some()
        }))?;
        card.check(tables.iter().all(|block| (*block as usize) < bounds.blocks))?;
        card.check(picks.iter().all(|pick| (*pick as usize) < rows.len()))?;
        let first_table = 3 * rows.len();
        let words: Vec<u32> = (rows.iter().map(|row| row.token))
            .chain(rows.iter().map(|row| size(row.position)))
            .chain(rows.iter().map(|row| size(first_table + row.table)))
            .chain(tables.iter().copied())
            .chain(picks.iter().copied())
            .collect();
        let first_pick = first_table + tables.len();
        Ok(Self { words: card.words(&words)?, rows: rows.len(), bounds, picks: picks.len(), first_pick })
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How many of them are sampled from.
    pub(crate) fn picks(&self) -> usize {
        self.picks
    }
}

/// The embeddings of the tokens: rows of a matrix that is stored as bf16 where `half`.
pub(crate) fn embed<C: Card>(
    card: &C,
    plan: &Plan<C>,
    (matrix, half): (&C::Floats, bool),
    columns: usize,
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    let numbers = plan.rows * columns;
    let held = card.len(matrix) * if half { 2 } else { 1 };
    card.check(held >= plan.bounds.vocabulary * columns && card.len(out) >= numbers)?;
    let mut arguments = [
        Argument::Read(matrix),
        Argument::Words(&plan.words),
        Argument::Write(out),
        count(columns),
        Argument::Count(half.into()),
        length(numbers),
    ];
    // SAFETY: tokens are below the vocabulary, of which the matrix has all rows; `out` holds the rows.
    unsafe { card.launch(Launch::elements("decode_embed", numbers), &mut arguments) }
}

/// The rows that are sampled from, one after another.
pub(crate) fn pick<C: Card>(
    card: &C,
    plan: &Plan<C>,
    rows: &C::Floats,
    columns: usize,
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    let numbers = plan.picks * columns;
    card.check(card.len(rows) >= plan.rows * columns && card.len(out) >= numbers)?;
    let mut arguments = [
        Argument::Read(rows),
        Argument::Words(&plan.words),
        Argument::Write(out),
        count(columns),
        count(plan.first_pick),
        length(numbers),
    ];
    // SAFETY: `plan` numbers only its own rows, of which `rows` has all; `out` holds the picked ones.
    unsafe { card.launch(Launch::elements("decode_pick", numbers), &mut arguments) }
}

/// Adds the row `bias` to the first `rows` rows.
pub(crate) fn add_bias<C: Card>(
    card: &C,
    out: &mut C::Floats,
    rows: usize,
    bias: &C::Floats,
) -> Result<(), C::Error> {
    let columns = card.len(bias);
    let numbers = rows * columns;
    card.check(card.len(out) >= numbers)?;
    let mut arguments = [Argument::Write(out), Argument::Read(bias), count(columns), length(numbers)];
    // SAFETY: `out` holds the rows, and `bias` one of them.
    unsafe { card.launch(Launch::elements("add_bias", numbers), &mut arguments) }
}

/// What becomes of queries and keys before they are compared.
pub(crate) struct Turn<'a, C: Card> {
    /// Of heads, where the model has them.
    pub(crate) norms: Option<Norms<'a, C>>,
    /// Cosines and sines of each position and rotary pair.
    pub(crate) angles: &'a [C::Floats; 2],
}

/// From rows of q, k and v side by side to rotated `queries` (rows x query width) and the cache.
pub(crate) fn place<C: Card>(
    card: &C,
    plan: &Plan<C>,
    qkv: &C::Floats,
    heads: Heads,
    turn: Turn<'_, C>,
    (cache, layer): (&mut Cache<C>, usize),
    queries: &mut C::Floats,
) -> Result<(), C::Error> {
    let Turn { norms, angles: [cosines, sines] } = turn;
    let angles = plan.bounds.context * heads.head_dim / 2;
    let scaled =
        |norms: Norms<'_, C>| [norms.query, norms.key].map(|scale| card.len(scale)) == [heads.head_dim; 2];
    card.check(fits(plan, cache, layer, heads) && norms.is_none_or(scaled))?;
    card.check([cosines, sines].iter().all(|table| card.len(table) >= angles))?;
    card.check(
        card.len(qkv) >= heads.rows * heads.width() && card.len(queries) >= heads.rows * heads.query_width(),
    )?;
    let first_block = cache.first_block(layer);
    let mut arguments = [
        Argument::Read(qkv),
        norms.map_or(Argument::Null, |norms| Argument::Read(norms.query)),
        norms.map_or(Argument::Null, |norms| Argument::Read(norms.key)),
        Argument::Read(cosines),
        Argument::Read(sines),
        Argument::Words(&plan.words),
        Argument::Write(queries),
        Argument::Write(&mut cache.keys),
        Argument::Write(&mut cache.values),
        count(heads.rows),
        count(heads.query_heads),
        count(heads.kv_heads),
        count(heads.head_dim),
        Argument::Real(norms.map_or(0.0, |norms| norms.eps)),
        first_block,
    ];
    let launch = Launch::warps("decode_place", heads.rows * heads.total());
    // SAFETY: one warp for each head of each row, of which `qkv` has all and `queries` the query heads; positions are below the
    // context, of which there are all angles; tables name blocks of the cache, as far as the positions go.
    unsafe { card.launch(launch, &mut arguments) }
}

/// `out` (rows x query width) = the attention of each row to the last `window` positions of its sequence, its own included.
pub(crate) fn attend<C: Card>(
    card: &C,
    plan: &Plan<C>,
    queries: &C::Floats,
    heads: Heads,
    window: Option<usize>,
    (cache, layer): (&Cache<C>, usize),
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    const WARPS: usize = 8;
    let numbers = heads.rows * heads.query_width();
    card.check(fits(plan, cache, layer, heads) && heads.head_dim <= WIDEST_HEAD)?;
    card.check(card.len(queries) >= numbers && card.len(out) >= numbers)?;
    let mut arguments = [
        Argument::Read(queries),
        Argument::Read(&cache.keys),
        Argument::Read(&cache.values),
        Argument::Words(&plan.words),
        Argument::Write(out),
        count(heads.rows),
        count(heads.query_heads),
        count(heads.kv_heads),
        count(heads.head_dim),
        Argument::Real(1.0 / (heads.head_dim as f32).sqrt()),
        // A window beyond the context hides nothing.
        count(window.filter(|window| *window < plan.bounds.context).unwrap_or(0)),
        cache.first_block(layer),
    ];
    let shared = 4 * (heads.head_dim + WARPS * (2 + heads.head_dim));
    let launch = Launch {
        kernel: "decode_attention",
        grid: [size(heads.rows), size(heads.query_heads), 1],
        threads: (WARPS * WARP) as u32,
        shared_bytes: size(shared),
    };
    // SAFETY: one block for each query head of each row, of which both buffers have all; tables name blocks of the cache, as far
    // as the positions go; a lane has room for its part of a head, and a block for the query and each warp's sums.
    unsafe { card.launch(launch, &mut arguments) }
}

fn fits<C: Card>(plan: &Plan<C>, cache: &Cache<C>, layer: usize, heads: Heads) -> bool {
    let grouped = heads.kv_heads > 0 && heads.query_heads.is_multiple_of(heads.kv_heads);
    let bounded = plan.rows == heads.rows && plan.bounds.blocks <= cache.blocks;
    grouped && bounded && cache.serves(heads, layer) && heads.head_dim.is_multiple_of(2)
}

/// Words for each row to draw from.
pub(crate) const DRAWING: usize = 3;

/// What [`draw`] needs to know of a row: where in [0, 1) of the cumulative distribution its token lies; at temperature 0 it is the
/// most likely one.
pub(crate) fn drawing(temperature: f32, uniform: f64) -> [u32; DRAWING] {
    let inverse = if temperature > 0.0 { 1.0 / temperature } else { 0.0 };
    let units = (uniform * (1_u64 << 53) as f64) as u64;
    [inverse.to_bits(), (units >> 32) as u32, units as u32]
}

/// Draws a token from each of the first rows of logits, one for each [`drawing`] in `draws`: `out` takes the bits of its id, and
/// its log-probability in the tempered distribution (where the temperature is 0, in that at temperature 1).
pub(crate) fn draw<C: Card>(
    card: &C,
    (logits, vocabulary): (&C::Floats, usize),
    draws: &[u32],
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    const THREADS: usize = 256;
    const CHUNK: usize = 1024;
    let rows = draws.len() / DRAWING;
    card.check(vocabulary > 0 && card.len(logits) >= rows * vocabulary && card.len(out) >= 2 * rows)?;
    if rows == 0 {
        return Ok(());
    }
    let words = card.words(draws)?;
    let mut arguments =
        [Argument::Read(logits), Argument::Words(&words), Argument::Write(out), count(vocabulary)];
    let launch = Launch {
        kernel: "draw",
        grid: [size(rows), 1, 1],
        threads: THREADS as u32,
        shared_bytes: size(4 * vocabulary.div_ceil(CHUNK)),
    };
    // SAFETY: one block a row, of which there are all logits, three words, and two numbers of output; shared memory has a number
    // for each chunk.
    unsafe { card.launch(launch, &mut arguments) }
}
