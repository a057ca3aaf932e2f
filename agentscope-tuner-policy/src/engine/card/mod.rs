//! The model on a card: the step of the CPU's model by kernels and BLAS. All memory that a step needs is made once, but for its
//! plan, and only tokens are copied to the host, unless the host has to choose them.
//!
//! BLAS may add in another order for another number of rows. So, unlike on the CPU, what else is in a batch can move logits by
//! their rounding.

mod step;
#[cfg(test)]
mod tests;
mod weights;

use dfdx::tensor::Cpu;

use self::{
    step::{Scratch, Step},
    weights::Weights,
};
use super::{
    angles::Angles,
    model::{Batch, Capacity, Draw, Model, Next, Row},
    sampler::{self, Sampled},
};
use crate::{
    config::PolicyConfig,
    error::{Error, Result},
    kernels::cuda::{
        card::Card,
        ops::decode::{self, Bounds, Cache, Plan, PlanRow},
    },
    params::Params,
};

/// The model, its cache and its scratch memory.
#[derive(Debug)]
pub(crate) struct CardModel<C: Card> {
    card: C,
    config: PolicyConfig,
    /// Matrices are stored as bf16.
    half: bool,
    weights: Weights<C>,
    cache: Cache<C>,
    /// Cosines and sines.
    angles: [C::Floats; 2],
    context: usize,
    scratch: Scratch<C>,
    results: Results,
}

/// What the last step came to, on the host.
#[derive(Debug, Default)]
struct Results {
    /// By the order of the rows that sample.
    places: Vec<Place>,
    /// Bits of tokens, and log-probabilities.
    drawn: Vec<f32>,
    logits: Vec<f32>,
}

/// Where the result of a row stands: among those that the card drew, or among the logits.
#[derive(Clone, Copy, Debug)]
enum Place {
    Drawn(usize),
    Logits(usize),
}

/// The result of an operation of a card as ours.
fn outcome<T, E: Into<Error>>(result: std::result::Result<T, E>) -> Result<T> {
    result.map_err(Into::into)
}

impl<C: Card<Error: Into<Error>>> CardModel<C> {
    /// Copies the parameters to the card, matrices as bf16 where `half`.
    pub(crate) fn new(
        card: C,
        config: PolicyConfig,
        params: &Params<Cpu>,
        capacity: Capacity,
        half: bool,
    ) -> Result<Self> {
        let weights = Weights::new(&card, params, half)?;
        let (layers, blocks) = (config.num_layers, capacity.blocks);
        let cache = outcome(Cache::new(&card, layers, blocks, config.num_kv_heads, config.head_dim))?;
        let table = Angles::new(&config, capacity.context);
        let angles = [outcome(card.upload(&table.cos))?, outcome(card.upload(&table.sin))?];
        let scratch = outcome(Scratch::new(&card, &config, capacity, half))?;
        let (context, results) = (capacity.context, Results::default());
        Ok(Self { card, config, half, weights, cache, angles, context, scratch, results })
    }

    /// The step on the card: its rows, and those to pick in this order.
    fn plan(&self, batch: &Batch, picks: &[u32]) -> Result<Plan<C>> {
        let row = |row: &Row| PlanRow { token: row.token, position: row.position, table: row.table };
        let rows: Vec<PlanRow> = batch.rows.iter().map(row).collect();
        let bounds =
            Bounds { vocabulary: self.config.vocab_size, context: self.context, blocks: self.cache.blocks() };
        outcome(Plan::new(&self.card, &rows, &batch.tables, picks, bounds))
    }

    /// Draws from the first rows of logits, and copies the others.
    fn collect(&mut self, picks: usize, drawings: &[u32]) -> Result<()> {
        let Self { card, config, scratch, results, .. } = self;
        let (drawn, vocabulary) = (drawings.len() / decode::DRAWING, config.vocab_size);
        outcome(decode::draw(card, (&scratch.logits, vocabulary), drawings, &mut scratch.drawn))?;
        results.drawn.resize(2 * drawn, 0.0);
        outcome(card.read(&scratch.drawn, 0, &mut results.drawn))?;
        results.logits.resize((picks - drawn) * vocabulary, 0.0);
        outcome(card.read(&scratch.logits, drawn * vocabulary, &mut results.logits))
    }
}

impl Results {
    /// Orders the rows that sample: first those that the card draws, with what it draws them by; then the others.
    fn order(&mut self, batch: &Batch) -> (Vec<u32>, Vec<u32>) {
        let (mut picks, mut others, mut drawings) = (Vec::new(), Vec::new(), Vec::new());
        self.places.clear();
        for (row, draw) in batch.draws() {
            let (rows, place): (_, fn(usize) -> Place) = match draw {
                Draw::Free { temperature, uniform } => {
                    drawings.extend(decode::drawing(temperature, uniform));
                    (&mut picks, Place::Drawn)
                }
                Draw::Host => (&mut others, Place::Logits),
            };
            self.places.push(place(rows.len()));
            rows.push(row as u32);
        }
        picks.extend(others);
        (picks, drawings)
    }
}

impl<C: Card<Error: Into<Error>>> Model for CardModel<C> {
    fn blocks(&self) -> usize {
        self.cache.blocks()
    }

    /// The kernels look only at positions that were written.
    fn clear(&mut self, _: u32) {}

    fn copy(&mut self, from: u32, to: u32) -> Result<()> {
        outcome(self.cache.copy(&self.card, from, to))
    }

    fn refill(&mut self, params: &Params<Cpu>) -> Result<()> {
        self.weights.refill(&self.card, params, self.half)
    }

    fn step(&mut self, batch: &Batch) -> Result<()> {
        let (picks, drawings) = self.results.order(batch);
        let plan = self.plan(batch, &picks)?;
        let Self { card, config, weights, cache, angles, scratch, .. } = self;
        outcome(Step { card, config, plan: &plan, cache, angles }.run(weights, scratch))?;
        self.collect(picks.len(), &drawings)
    }

    fn next(&self, sampling: usize) -> Result<Next<'_>> {
        let vocabulary = self.config.vocab_size;
        match self.results.places[sampling] {
            Place::Logits(row) => Ok(Next::Logits(&self.results.logits[row * vocabulary..][..vocabulary])),
            Place::Drawn(row) => {
                let (token, log_prob) =
                    (self.results.drawn[2 * row].to_bits(), self.results.drawn[2 * row + 1]);
                match log_prob.is_finite() {
                    true => Ok(Next::Sampled(Sampled { token, log_prob })),
                    false => Err(sampler::diverged()),
                }
            }
        }
    }
}
