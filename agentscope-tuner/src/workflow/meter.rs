//! What a rollout has spent so far.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::{Usage, Usd};

/// Calls, tokens and money, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// Model calls that were answered.
    pub calls: u64,
    /// Those of them that were answered from the run's cache and cost nothing again.
    pub cached_calls: u64,
    /// Tokens of the calls whose provider reported them.
    pub usage: Usage,
    /// Money, of the calls whose price and tokens are known.
    pub usd: Usd,
    /// Calls whose cost is unknown; the true cost is above `usd` if this is not 0.
    pub unpriced_calls: u64,
}

impl Spent {
    /// The cost, or `None` when any call's cost is unknown.
    pub fn known_usd(&self) -> Option<Usd> {
        (self.unpriced_calls == 0).then_some(self.usd)
    }
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.cached_calls += other.cached_calls;
        self.usage += other.usage;
        self.usd += other.usd;
        self.unpriced_calls += other.unpriced_calls;
    }
}

/// A [`Spent`] that calls in flight add to.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Spent>);

impl Meter {
    /// Adds what a call spent.
    pub fn add(&self, spent: Spent) {
        *self.lock() += spent;
    }

    /// The sums so far.
    pub fn spent(&self) -> Spent {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        // A panic elsewhere cannot leave the sums half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
