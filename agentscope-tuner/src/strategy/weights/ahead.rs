//! Batches that are sampled before the steps that learn from them, so that rollouts and training overlap.
//!
//! With a staleness of `s` a step learns from what the weights `s` steps before it sampled (fewer at the beginning), while
//! the batch for the step `s` later is sampled. Each batch is sampled by one version of the weights from its first token to
//! its last, so a run does not depend on how long anything took.

use std::collections::VecDeque;

use super::{
    WeightsTuning,
    groups::{Sampled, sample},
    state::{Draft, State},
};
use crate::{
    error::{Error, ErrorKind, Result},
    strategy::Inputs,
};

/// What was sampled for the next steps, the nearest first; the state knows from what each was drawn.
#[derive(Debug, Default)]
pub(super) struct Ahead(VecDeque<Sampled>);

impl Ahead {
    /// Sees to it that there is what the next steps learn from; why that could not be finished, if so.
    pub(super) async fn fill(
        &mut self,
        settings: &WeightsTuning,
        inputs: &Inputs<'_>,
        state: &mut State,
    ) -> Result<Option<Error>> {
        // A resumed run finds in the journal what it had sampled by weights that are gone.
        for draft in state.ahead.iter().skip(self.0.len()) {
            let found = sample(settings, inputs, draft.version, &mut draft.draws.clone()).await?;
            if found.stopped.is_some() {
                return Ok(found.stopped);
            }
            self.0.push_back(found);
        }
        let wanted = u64::from(settings.staleness.max(1)).min(settings.steps - state.step);
        while (self.0.len() as u64) < wanted {
            let (sampled, after) = draw(settings, inputs, state).await?;
            if sampled.stopped.is_some() {
                return Ok(sampled.stopped);
            }
            self.put(sampled);
            *state = after;
        }
        Ok(None)
    }

    /// Takes what the next step learns from.
    ///
    /// # Errors
    /// There is nothing: it was not [filled](Self::fill).
    pub(super) fn take(&mut self, state: &mut State) -> Result<Sampled> {
        state.ahead.pop_front();
        let nothing = || Error::new(ErrorKind::Other, "a step has nothing to learn from: this is a bug");
        self.0.pop_front().ok_or_else(nothing)
    }

    /// Samples for a later step while the batch that was [taken](Self::take) is learnt from, if there is one to come and it
    /// may be stale; with the state in which it is known.
    pub(super) async fn next(
        &self,
        settings: &WeightsTuning,
        inputs: &Inputs<'_>,
        state: &State,
    ) -> Result<Option<(Sampled, State)>> {
        let last = state.step + 1 + self.0.len() as u64 >= settings.steps;
        if settings.staleness == 0 || last {
            return Ok(None);
        }
        draw(settings, inputs, state).await.map(Some)
    }

    /// Keeps what [`next`](Self::next) sampled.
    pub(super) fn put(&mut self, sampled: Sampled) {
        self.0.push_back(sampled);
    }
}

/// A batch by the weights as they are, and the state in which it is known.
async fn draw(settings: &WeightsTuning, inputs: &Inputs<'_>, state: &State) -> Result<(Sampled, State)> {
    let (version, mut after) = (state.version(), state.clone());
    after.ahead.push_back(Draft { version, draws: state.draws.clone() });
    let sampled = sample(settings, inputs, version, &mut after.draws).await?;
    Ok((sampled, after))
}
