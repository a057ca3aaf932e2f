//! What a policy-gradient loss reads besides the log-probabilities of the moment: all of it on the host.

use std::ops::Range;

use super::{
    PolicySettings,
    algorithm::{Level, Normalizer},
    correction::Importance,
};
use crate::error::{Error, ErrorKind, Result};

/// One row of a micro-batch: a part of a rollout whose tokens stand in one sequence. Rows of a rollout may lie in different
/// micro-batches, but for gspo and rloo: their ratio is that of the rollout, so its rows must follow one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Which rollout of the batch it is a part of.
    pub rollout: usize,
    /// How many of the log-probabilities are the row's; rows follow one another.
    pub tokens: usize,
    /// Of the row's rollout.
    pub advantage: f64,
    /// Trained tokens of the row's rollout, in all of its rows: a rollout weighs the same however often it was forked.
    pub rollout_tokens: usize,
}

/// The rows of a micro-batch, and for each of their tokens what was known before the update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// In the order of the log-probabilities.
    pub rows: Vec<Row>,
    /// Which tokens the policy sampled and trains on.
    pub mask: Vec<bool>,
    /// Log-probabilities at the start of the update; none where this is its first step, and they are those of the moment.
    pub old: Option<Vec<f32>>,
    /// Of the reference policy; needed where `beta` is not 0.
    pub reference: Option<Vec<f32>>,
    /// Of the sampler, when it sampled; NaN where unknown. Needed for an [`Importance`] correction.
    pub sampler: Option<Vec<f32>>,
}

/// The size of the whole generation batch, whatever part of it is passed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Trained tokens.
    pub tokens: usize,
    /// Rollouts, those without a trained token too.
    pub rollouts: usize,
    /// Optimiser steps among which the batch is divided.
    pub updates: usize,
    /// Micro-batches of a step; only bnpo reads it.
    pub micro_batches: usize,
}

impl Totals {
    /// A batch of `tokens` trained tokens in `rollouts` rollouts, for one step and at once.
    pub fn new(tokens: usize, rollouts: usize) -> Self {
        Self { tokens, rollouts, updates: 1, micro_batches: 1 }
    }

    /// What one token of a part of `row`'s rollout weighs in the loss; `micro_batch_tokens` are trained in this micro-batch.
    pub(super) fn weight(&self, settings: &PolicySettings, row: Row, micro_batch_tokens: usize) -> f64 {
        let (share, rollouts) = (self.updates as f64, self.rollouts.max(1) as f64);
        match settings.algorithm.normalizer() {
            Normalizer::BatchTokens => self.token_weight(),
            Normalizer::MicroBatchTokens => 1.0 / (micro_batch_tokens.max(1) * self.micro_batches) as f64,
            Normalizer::RolloutTokens => share / (rollouts * row.rollout_tokens.max(1) as f64),
            Normalizer::ConstantLength => {
                share / (rollouts * settings.max_completion_length.unwrap_or(1) as f64)
            }
            Normalizer::Rollouts => share / rollouts,
        }
    }

    /// The weight of a token in a mean over all trained tokens of a step.
    pub(super) fn token_weight(&self) -> f64 {
        self.updates as f64 / self.tokens.max(1) as f64
    }
}

impl Rows {
    /// Trained tokens.
    pub fn trained(&self) -> usize {
        self.mask.iter().filter(|trained| **trained).count()
    }

    /// The tokens of each part that has ratios of its own: of a row, or where one ratio is taken over a sequence, of all
    /// rows of a rollout. A row stands for those of its part.
    pub(super) fn parts(&self, level: Level) -> impl Iterator<Item = (Row, Range<usize>)> {
        let together = move |one: &Row, next: &Row| level != Level::Token && one.rollout == next.rollout;
        self.rows.chunk_by(together).scan(0, |start, rows| {
            let tokens: usize = rows.iter().map(|row| row.tokens).sum();
            let span = *start..*start + tokens;
            *start = span.end;
            Some((rows[0], span))
        })
    }

    /// # Errors
    /// When lengths differ, something that the settings need is missing, or a number is not finite.
    pub(super) fn check(&self, settings: &PolicySettings, totals: &Totals, log_probs: &[f32]) -> Result<()> {
        self.check_lengths(log_probs.len())?;
        self.check_totals(totals)?;
        self.check_parts(settings.algorithm.level())?;
        if settings.beta != 0.0 && self.reference.is_none() {
            return Err(request(
                "beta is not 0, so reference log-probabilities are needed; set beta to 0 or pass them",
            ));
        }
        if settings.importance != Importance::None && self.sampler.is_none() {
            return Err(request(
                "an importance correction needs the sampler's log-probabilities; let the sampler return them or turn it off",
            ));
        }
        if let Some(row) = self.rows.iter().position(|row| !row.advantage.is_finite()) {
            let found = self.rows[row].advantage;
            return Err(numeric(format!("the advantage of row {row} is {found}; check the rewards")));
        }
        let read = [
            ("log-probability", Some(log_probs)),
            ("old log-probability", self.old.as_deref()),
            ("reference log-probability", self.reference.as_deref()),
        ];
        for (what, values) in read {
            let trained = values.into_iter().flatten().zip(&self.mask).enumerate();
            if let Some((token, (value, _))) = trained.into_iter().find(|(_, (v, m))| **m && !v.is_finite()) {
                return Err(numeric(format!(
                    "the {what} of token {token} is {value}; take an earlier checkpoint"
                )));
            }
        }
        Ok(())
    }

    fn check_lengths(&self, tokens: usize) -> Result<()> {
        let of = |values: &Option<Vec<f32>>| values.as_ref().map_or(tokens, Vec::len);
        let lengths = [
            ("rows", self.rows.iter().map(|row| row.tokens).sum()),
            ("mask", self.mask.len()),
            ("old", of(&self.old)),
            ("reference", of(&self.reference)),
            ("sampler", of(&self.sampler)),
        ];
        match lengths.into_iter().find(|(_, len)| *len != tokens) {
            Some((what, len)) => Err(request(format!(
                "there are {tokens} log-probabilities, but `{what}` has {len} tokens; give each token one"
            ))),
            None => Ok(()),
        }
    }

    fn check_totals(&self, totals: &Totals) -> Result<()> {
        let trained = self.trained();
        if totals.updates == 0 || totals.micro_batches == 0 {
            return Err(request("a batch needs at least one update of at least one micro-batch"));
        }
        if trained > totals.tokens {
            return Err(request(format!(
                "{trained} trained tokens are more than the {} of the whole batch; count all micro-batches",
                totals.tokens
            )));
        }
        Ok(())
    }

    fn check_parts(&self, level: Level) -> Result<()> {
        for (Row { rollout, rollout_tokens, .. }, span) in self.parts(level) {
            let trained = self.mask[span].iter().filter(|trained| **trained).count();
            if trained > rollout_tokens {
                return Err(request(format!(
                    "rollout {rollout} trains {trained} tokens here, but {rollout_tokens} in all; count all of its rows"
                )));
            }
            if level != Level::Token && trained < rollout_tokens {
                return Err(request(format!(
                    "only {trained} of the {rollout_tokens} trained tokens of rollout {rollout} follow one another, but \
                     the ratio is that of a rollout; pass its rows together"
                )));
            }
        }
        Ok(())
    }
}

pub(super) fn request(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Request, message)
}

pub(super) fn numeric(message: String) -> Error {
    Error::new(ErrorKind::Numeric, message)
}
