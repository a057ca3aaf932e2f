//! What a call did before its answer came: attempts, for budgets that have to charge those that got none, and waits,
//! for time limits that count work only.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::error::Result;

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
pub struct AttemptLog {
    counts: Arc<Counts>,
    waits: Waits,
    payer: Option<Arc<dyn Payer>>,
}

/// Who pays for attempts.
pub(crate) trait Payer: fmt::Debug + Send + Sync {
    /// Pays for an attempt that may have been billed without an answer, and sets aside what another one can cost.
    ///
    /// # Errors
    /// When there is no money for another one, which must then not be made.
    fn another(&self) -> BoxFuture<'_, Result<()>>;
}

#[derive(Debug, Default)]
struct Counts {
    started: AtomicU32,
    settled: AtomicU32,
}

/// The time in which any of the calls that share it waits: for a free place, or between two attempts.
///
/// Calls that wait at the same time are not counted twice. Clones share the time.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<Mutex<WaitState>>);

#[derive(Default)]
struct WaitState {
    waiting: usize,
    /// Told when a time begins in which any of them waits, and when it ends.
    told: Option<Box<dyn Fn(bool) + Send>>,
    since: Option<Instant>,
    ended: Duration,
}

impl Waits {
    /// Waits that are told to `tell`: true when one begins while there is none, false when the last one ends.
    pub(crate) fn telling(tell: impl Fn(bool) + Send + 'static) -> Self {
        let waits = Self::default();
        waits.lock().told = Some(Box::new(tell));
        waits
    }

    /// The time so far, waits that go on included.
    pub fn total(&self) -> Duration {
        let state = self.lock();
        state.ended + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn begin(&self) -> Wait {
        let mut state = self.lock();
        state.waiting += 1;
        state.since.get_or_insert_with(Instant::now);
        if let (1, Some(tell)) = (state.waiting, &state.told) {
            tell(true);
        }
        Wait(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, WaitState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Wait(Waits);

impl Wait {
    /// Begins a wait for whoever watches.
    pub(super) fn begin() -> Option<Self> {
        LOG.try_with(|log| log.waits.begin()).ok()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting -= 1;
        if state.waiting == 0
            && let Some(since) = state.since.take()
        {
            state.ended += since.elapsed();
            if let Some(tell) = &state.told {
                tell(false);
            }
        }
    }
}

impl fmt::Debug for WaitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitState").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl AttemptLog {
    /// A log whose waits are added to `waits`.
    pub fn new(waits: Waits) -> Self {
        Self { counts: Arc::default(), waits, payer: None }
    }

    /// The same log, asking `payer` before another attempt.
    pub(crate) fn paid_by(self, payer: Arc<dyn Payer>) -> Self {
        Self { payer: Some(payer), ..self }
    }

    /// Runs `call` and counts the attempts that it makes in this task.
    pub async fn watch<F: Future>(&self, call: F) -> F::Output {
        LOG.scope(self.clone(), call).await
    }

    /// Attempts that were sent.
    pub fn started(&self) -> u32 {
        self.counts.started.load(Relaxed)
    }

    /// Attempts that the provider may bill although no answer, and so no usage, arrived: those that timed out, broke
    /// off, or were dropped while they ran. While a call runs, its own attempt counts too.
    pub fn maybe_billed(&self) -> u32 {
        self.started().saturating_sub(self.counts.settled.load(Relaxed))
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
            log.counts.started.fetch_add(1, Relaxed);
        }
        Self(log)
    }

    /// It failed and may have been billed, but is to be made again: whoever watches pays for it now, if they can.
    ///
    /// # Errors
    /// When there is no money for another attempt.
    pub(super) async fn repeat(self) -> Result<()> {
        let payer = self.0.as_ref().and_then(|log| log.payer.clone());
        let Some(payer) = payer else { return Ok(()) };
        // Paid from here on, whether or not there is enough for another one.
        self.settle();
        payer.another().await
    }

    /// It was answered, or it surely cost nothing.
    pub(super) fn settle(self) {
        if let Some(log) = &self.0 {
            log.counts.settled.fetch_add(1, Relaxed);
        }
    }
}
