//! What carries lines to workers.

use std::fmt;

/// Carries lines from home to workers, each of which has a number of its own that no later one gets.
pub(crate) trait Carrier: fmt::Debug + Send + Sync {
    /// Sends `line` to `worker`, if it is still there. Never waits.
    fn send(&self, worker: u64, line: String);

    /// Ends `worker`, which does not answer.
    fn end(&self, worker: u64);
}
