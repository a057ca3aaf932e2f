//! How far a run is: written by the engine, read by whoever shows it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::record::{Record, Status};

/// A view of a run under way.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Rollouts that are to be made; 0 while unknown.
    pub total: usize,
    /// Rollouts that have ended, those found in the journal included.
    pub done: usize,
    /// Of these, found in the journal.
    pub resumed: usize,
    /// Of these, scored.
    pub scored: usize,
    /// Of these, failed by their own fault.
    pub task_failed: usize,
    /// Of these, failed by an endpoint's or the judge's fault.
    pub excluded: usize,
    /// Sum of the rewards; failures by their own fault count 0.
    pub reward_sum: f64,
    /// When the run began.
    pub started: Instant,
}

impl Progress {
    /// Mean reward so far, over what counts.
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^53 rollouts")]
    pub fn mean(&self) -> Option<f64> {
        let counted = self.scored + self.task_failed;
        (counted > 0).then(|| self.reward_sum / counted as f64)
    }

    /// Rollouts a second in this process.
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^53 rollouts")]
    pub fn rate(&self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-9);
        (self.done - self.resumed) as f64 / seconds
    }

    /// Time left at the present rate.
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^53 rollouts")]
    pub fn eta(&self) -> Option<Duration> {
        let left = self.total.checked_sub(self.done)? as f64 / self.rate();
        Duration::try_from_secs_f64(left).ok()
    }
}

/// The state behind [`Progress`].
#[derive(Debug)]
pub(crate) struct Tracker(Mutex<Progress>);

impl Default for Tracker {
    fn default() -> Self {
        Self(Mutex::new(Progress {
            total: 0,
            done: 0,
            resumed: 0,
            scored: 0,
            task_failed: 0,
            excluded: 0,
            reward_sum: 0.0,
            started: Instant::now(),
        }))
    }
}

impl Tracker {
    pub(crate) fn expect(&self, rollouts: usize) {
        self.with(|progress| progress.total += rollouts);
    }

    pub(crate) fn note(&self, record: &Record, resumed: bool) {
        self.with(|progress| {
            progress.done += 1;
            progress.resumed += usize::from(resumed);
            match record.status {
                Status::Scored => progress.scored += 1,
                Status::TaskFailed => progress.task_failed += 1,
                Status::InfrastructureFailed | Status::JudgeFailed => progress.excluded += 1,
            }
            progress.reward_sum += record.reward.unwrap_or_default();
        });
    }

    pub(crate) fn view(&self) -> Progress {
        self.with(|progress| *progress)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Progress) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
