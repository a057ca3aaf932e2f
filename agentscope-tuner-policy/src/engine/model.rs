//! What the scheduler asks of a model, wherever that computes: to read rows of tokens into a cache of blocks, and to tell what
//! comes next.

use dfdx::tensor::Cpu;

use super::sampler::Sampled;
use crate::{error::Result, params::Params};

/// Tokens of one block of the cache: as many as the lanes of the widest vector, so that one product scores a block.
pub(crate) use crate::kernels::kv_cache::BLOCK;

/// One token to be read by the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) token: u32,
    pub(crate) position: usize,
    /// Where the block table of its sequence starts in [`Batch::tables`].
    pub(crate) table: usize,
    /// How the next token is chosen, where it is chosen from this row's logits.
    pub(crate) draw: Option<Draw>,
}

/// How a token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Draw {
    /// By the host, which needs all logits.
    Host,
    /// From the whole tempered distribution, so by the model itself if it can.
    Free {
        /// Logits are divided by this; 0 takes the most likely token.
        temperature: f32,
        /// Where in [0, 1) of the cumulative distribution, in the order of the tokens.
        uniform: f64,
    },
}

/// The rows of one step. Rows of one sequence stand in the order of their positions.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    /// The block tables of the sequences, one after another.
    pub(crate) tables: Vec<u32>,
}

impl Batch {
    /// The rows that sample: their numbers, and how.
    pub(crate) fn draws(&self) -> impl Iterator<Item = (usize, Draw)> {
        self.rows.iter().enumerate().filter_map(|(index, row)| Some((index, row.draw?)))
    }
}

/// What a row that samples has come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next<'a> {
    /// Its logits, one for each token.
    Logits(&'a [f32]),
    /// Its token, chosen by the model.
    Sampled(Sampled),
}

/// The largest step and context that a model has memory for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Rows of one step.
    pub(crate) rows: usize,
    /// Rows of one step that are sampled from.
    pub(crate) samples: usize,
    /// Tokens of one sequence.
    pub(crate) context: usize,
    /// Blocks of the cache.
    pub(crate) blocks: usize,
}

/// A model with its cache of keys and values.
pub(crate) trait Model {
    /// How many blocks the cache has.
    fn blocks(&self) -> usize;

    /// Makes a block ready for another sequence.
    fn clear(&mut self, block: u32);

    /// Copies a whole block, in every layer.
    fn copy(&mut self, from: u32, to: u32) -> Result<()>;

    /// Takes the numbers of `params`, which has the same shape, between two steps.
    fn refill(&mut self, params: &Params<Cpu>) -> Result<()>;

    /// Reads the rows of `batch`: at most as many, and as many that sample, as there is [capacity](Capacity) for.
    fn step(&mut self, batch: &Batch) -> Result<()>;

    /// What the last step came to for the sampling row of this number among its sampling rows.
    fn next(&self, sampling: usize) -> Result<Next<'_>>;
}
