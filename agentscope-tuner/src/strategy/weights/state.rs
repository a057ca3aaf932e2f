//! How far training is: all that a resumed run must know besides the weights.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{alarm::History, draw::Spread};

/// Saved with every checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct State {
    /// Steps taken.
    pub(super) step: u64,
    /// Supervised steps taken before them.
    pub(super) warmed: u64,
    /// Whether they made the policy as good as was wanted of them.
    pub(super) enough: bool,
    /// What was drawn so far.
    pub(super) draws: Draws,
    /// Batches that were sampled for the next steps, the nearest first.
    pub(super) ahead: VecDeque<Draft>,
    /// Measurements on the rows that choose.
    pub(super) measured: Vec<Measured>,
    /// What alarms look back on.
    pub(super) history: History,
}

/// Rows and tokens that training has used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Draws {
    /// Rows drawn, through all epochs.
    pub(super) drawn: u64,
    /// Tokens sampled.
    pub(super) tokens: u64,
    /// How the rows' rewards differed.
    pub(super) spread: Spread,
}

/// What a batch was drawn from: with it the batch is found again in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Draft {
    /// Of the weights that sampled it.
    pub(super) version: u64,
    /// What was drawn before it.
    pub(super) draws: Draws,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Of the weights.
    pub(super) version: u64,
    /// Mean reward.
    pub(super) mean: f64,
}

impl State {
    /// All optimiser steps since the model that training began with: the version of the weights.
    pub(super) fn version(&self) -> u64 {
        self.warmed + self.step
    }

    /// Whether a warm start of at most `steps` steps is over.
    pub(super) fn is_warm(&self, steps: u64) -> bool {
        self.enough || self.warmed >= steps
    }

    /// The first of the best measurements.
    pub(super) fn best(&self) -> Option<Measured> {
        let better = |best: Measured, next: &Measured| if next.mean > best.mean { *next } else { best };
        let (first, rest) = self.measured.split_first()?;
        Some(rest.iter().fold(*first, better))
    }

    /// Measurements since the best one.
    pub(super) fn since_best(&self) -> usize {
        let best = self.best().map(|best| best.version);
        self.measured.iter().rev().take_while(|measured| Some(measured.version) != best).count()
    }

    /// Whether these weights were measured.
    pub(super) fn is_measured(&self) -> bool {
        self.measured.last().is_some_and(|last| last.version == self.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_best_is_the_best() {
        let measured =
            [(0, 0.5), (10, 0.7), (20, 0.7), (30, 0.6)].map(|(version, mean)| Measured { version, mean });
        let mut state = State { measured: measured.to_vec(), step: 30, ..State::default() };
        assert_eq!((state.best().unwrap().version, state.since_best(), state.is_measured()), (10, 2, true));
        state.step = 31;
        assert!(!state.is_measured());
        assert_eq!(State::default().best(), None);
    }
}
