//! How many calls an endpoint bears: a state machine without clock, lock or task.
//!
//! The rule is that of inspect_ai's adaptive connections: slow start until the first refusal, then small steps up
//! and a cut at each burst of refusals.

use std::time::Duration;

/// Calls at once before anything is known.
pub(super) const START: usize = 20;
/// A cut never goes below this.
const FLOOR: usize = 10;
/// More connections than this help no benchmark and exhaust file handles.
const CEILING: usize = 512;
/// The shortest time between two cuts.
const COOL_DOWN: Duration = Duration::from_secs(15);

/// The current limit and what leads to the next one. Times count from any fixed moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limiter {
    limit: usize,
    /// Successes since the round began; a round is as many as the limit.
    clean: usize,
    /// Most calls at once in this round.
    peak: usize,
    /// Whether doubling is over.
    refused: bool,
    /// Until then nothing is cut again and no answer counts.
    cool_until: Duration,
    /// Until then no answer counts.
    paused_until: Duration,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            limit: START,
            clean: 0,
            peak: 0,
            refused: false,
            cool_until: Duration::ZERO,
            paused_until: Duration::ZERO,
        }
    }
}

impl Limiter {
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A call was answered; `in_flight` counts it too.
    pub(super) fn answered(&mut self, now: Duration, in_flight: usize) {
        // What is answered now may have been sent before the cut, and says nothing about the new limit.
        if now < self.cool_until.max(self.paused_until) {
            return;
        }
        self.clean += 1;
        self.peak = self.peak.max(in_flight);
        if self.clean < self.limit {
            return;
        }
        // A limit that nobody reaches was not tried out, so it is no ground for a higher one.
        if self.peak * 5 >= self.limit * 4 {
            let step = if self.refused { self.limit.div_ceil(20) } else { self.limit };
            self.limit = (self.limit + step).min(CEILING);
        }
        self.new_round();
    }

    /// The endpoint asked for fewer calls, and perhaps to wait.
    pub(super) fn rate_limited(&mut self, now: Duration, retry_after: Option<Duration>) {
        self.refused = true;
        self.new_round();
        // One burst of refusals is one reason to cut, however many calls it hits. Those that come later do not draw
        // the cool-down out, or an endpoint that goes on refusing would never be cut again.
        if now >= self.cool_until {
            self.limit = (self.limit * 4 / 5).max(FLOOR);
            self.cool_until = now.saturating_add(retry_after.unwrap_or_default().max(COOL_DOWN));
        }
    }

    /// The endpoint is in trouble, which fewer calls may not cure: growth waits, nothing is cut.
    pub(super) fn troubled(&mut self, now: Duration) {
        self.new_round();
        self.paused_until = self.paused_until.max(now.saturating_add(COOL_DOWN));
    }

    fn new_round(&mut self) {
        self.clean = 0;
        self.peak = 0;
    }
}

#[cfg(test)]
mod tests;
