//! What happens around a call before its answer: seen by whoever accounts for it.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Collects, for one or more calls, what their answers do not tell.
#[derive(Debug, Default)]
pub struct CallWatch {
    waited_nanos: AtomicU64,
    doubtful: AtomicU32,
}

impl CallWatch {
    /// Adds time spent waiting for a free place at the endpoint, or between retries.
    pub fn add_waited(&self, time: Duration) {
        self.waited_nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Counts an attempt that failed, was retried, and may have been billed all the same.
    pub fn add_doubtful(&self) {
        self.doubtful.fetch_add(1, Relaxed);
    }

    /// Time spent waiting, not working.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited_nanos.load(Relaxed))
    }

    /// Attempts that may have been billed without an answer.
    pub fn doubtful(&self) -> u32 {
        self.doubtful.load(Relaxed)
    }
}
