//! How many attempts a call made, for budgets that have to charge those that got no answer.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

tokio::task_local! {
    static LOG: AttemptLog;
}

/// Counts the attempts of the calls made within [`watch`](Self::watch).
///
/// Clones share their counts, so they can still be read when the watched call was dropped.
///
/// ```
/// use agentscope_tuner::model::{Model, endpoint::AttemptLog, scripted::Scripted};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let model = Model::new(Scripted::in_order("one", ["yes"]));
/// let log = AttemptLog::default();
/// log.watch(model.ask("Well?")).await?;
/// assert_eq!(log.maybe_billed(), 0);
/// # Ok::<(), agentscope_tuner::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct AttemptLog(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    started: AtomicU32,
    settled: AtomicU32,
}

impl AttemptLog {
    /// Runs `call` and counts the attempts that it makes in this task.
    pub async fn watch<F: Future>(&self, call: F) -> F::Output {
        LOG.scope(self.clone(), call).await
    }

    /// Attempts that were sent.
    pub fn started(&self) -> u32 {
        self.0.started.load(Relaxed)
    }

    /// Attempts that the provider may bill although no answer, and so no usage, arrived: those that timed out, broke
    /// off, or were dropped while they ran. While a call runs, its own attempt counts too.
    pub fn maybe_billed(&self) -> u32 {
        self.started().saturating_sub(self.0.settled.load(Relaxed))
    }
}

/// One attempt; counts as perhaps billed until it is settled.
#[derive(Debug)]
pub(super) struct Attempt(Option<AttemptLog>);

impl Attempt {
    /// Counts an attempt for whoever watches.
    pub(super) fn start() -> Self {
        let log = LOG.try_with(Clone::clone).ok();
        if let Some(log) = &log {
            log.0.started.fetch_add(1, Relaxed);
        }
        Self(log)
    }

    /// It was answered, or it surely cost nothing.
    pub(super) fn settle(self) {
        if let Some(log) = &self.0 {
            log.0.settled.fetch_add(1, Relaxed);
        }
    }
}
