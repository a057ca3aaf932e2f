//! The arithmetic of a step, as launches.

use super::weights::{LayerWeights, Weights};
use crate::{
    config::PolicyConfig,
    engine::model::Capacity,
    kernels::{
        cuda::{
            card::Card,
            ops::{
                decode::{self, Cache, Plan, Turn},
                heads::Norms,
                norm, swiglu,
            },
        },
        train::Heads,
    },
};

type Result<T, C> = std::result::Result<T, <C as Card>::Error>;

/// Activations of one step, row-major.
#[derive(Debug)]
pub(super) struct Scratch<C: Card> {
    hidden: C::Floats,
    normed: C::Floats,
    qkv: C::Floats,
    queries: C::Floats,
    attended: C::Floats,
    gate_up: C::Floats,
    inner: C::Floats,
    /// The input of a product, rounded to bf16.
    halves: C::Floats,
    /// Of the rows that are sampled from.
    pub(super) logits: C::Floats,
    /// The bits of the tokens that the card draws, and their log-probabilities.
    pub(super) drawn: C::Floats,
}

impl<C: Card> Scratch<C> {
    pub(super) fn new(card: &C, config: &PolicyConfig, capacity: Capacity, half: bool) -> Result<Self, C> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let rows = |width: usize| card.floats(capacity.rows * width);
        let widest_input = width.max(inner).max(config.query_width());
        Ok(Self {
            hidden: rows(width)?,
            normed: rows(width)?,
            qkv: rows(config.query_width() + 2 * config.kv_width())?,
            queries: rows(config.query_width())?,
            attended: rows(config.query_width())?,
            gate_up: rows(2 * inner)?,
            inner: rows(inner)?,
            halves: rows(if half { widest_input.div_ceil(2) } else { 0 })?,
            logits: card.floats(capacity.samples * config.vocab_size)?,
            drawn: card.floats(capacity.samples * 2)?,
        })
    }
}

/// All that a step needs besides its activations.
pub(super) struct Step<'a, C: Card> {
    pub(super) card: &'a C,
    pub(super) config: &'a PolicyConfig,
    pub(super) plan: &'a Plan<C>,
    pub(super) cache: &'a mut Cache<C>,
    /// Cosines and sines.
    pub(super) angles: &'a [C::Floats; 2],
}

impl<C: Card> Step<'_, C> {
    /// Reads the rows, and leaves the logits of those that are sampled from.
    pub(super) fn run(&mut self, weights: &Weights<C>, scratch: &mut Scratch<C>) -> Result<(), C> {
        let (embedding, width) = (weights.embedding(), self.config.hidden_size);
        decode::embed(self.card, self.plan, embedding, width, &mut scratch.hidden)?;
        for (index, layer) in weights.layers.iter().enumerate() {
            self.attention(index, layer, scratch)?;
            self.feed_forward(layer, scratch)?;
        }
        self.logits(weights, scratch)
    }

    fn attention(
        &mut self,
        index: usize,
        layer: &LayerWeights<C>,
        scratch: &mut Scratch<C>,
    ) -> Result<(), C> {
        let (card, plan, config, rows) = (self.card, self.plan, self.config, self.plan.rows());
        let Scratch { hidden, normed, qkv, queries, attended, halves, .. } = scratch;
        let heads = Heads {
            rows,
            query_heads: config.num_heads,
            kv_heads: config.num_kv_heads,
            head_dim: config.head_dim,
        };
        let eps = config.rms_norm_eps;
        let norms = layer.head_norms.as_ref().map(|[query, key]| Norms { query, key, eps });
        norm::forward_into(card, (hidden, rows), &layer.attention_norm, eps, normed)?;
        layer.qkv.apply(card, (normed, rows), halves, qkv, false)?;
        let turn = Turn { norms, angles: self.angles };
        decode::place(card, plan, qkv, heads, turn, (self.cache, index), queries)?;
        decode::attend(card, plan, queries, heads, config.sliding_window, (self.cache, index), attended)?;
        layer.output.apply(card, (attended, rows), halves, hidden, true)
    }

    fn feed_forward(&self, layer: &LayerWeights<C>, scratch: &mut Scratch<C>) -> Result<(), C> {
        let (card, config, rows) = (self.card, self.config, self.plan.rows());
        let Scratch { hidden, normed, gate_up, inner, halves, .. } = scratch;
        norm::forward_into(card, (hidden, rows), &layer.feed_forward_norm, config.rms_norm_eps, normed)?;
        layer.gate_up.apply(card, (normed, rows), halves, gate_up, false)?;
        swiglu::forward_into(card, (gate_up, rows), config.intermediate_size, inner)?;
        layer.down.apply(card, (inner, rows), halves, hidden, true)
    }

    fn logits(&self, weights: &Weights<C>, scratch: &mut Scratch<C>) -> Result<(), C> {
        let (card, config, picks) = (self.card, self.config, self.plan.picks());
        let Scratch { hidden, normed, halves, logits, .. } = scratch;
        if picks == 0 {
            return Ok(());
        }
        decode::pick(card, self.plan, hidden, config.hidden_size, normed)?;
        norm::forward_into(card, (normed, picks), &weights.norm, config.rms_norm_eps, hidden)?;
        weights.head.apply(card, (hidden, picks), halves, logits, false)
    }
}
