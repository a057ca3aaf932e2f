//! The desk between a session and its workers: jobs lie on it until a worker is free, records until the session
//! looks.
//!
//! Jobs lie ready in advance and records are taken several at a time, so that neither side wakes the other for each
//! rollout: where rollouts are short, waking is most of what they cost.

use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    execute::Bindings,
    job::Job,
    record::Record,
    store::{Key, Store},
};
use crate::{
    error::{Error, ErrorKind, Result},
    text::panic_message,
};

/// Who runs what lies on the desk: this process, or others.
pub(crate) trait Execute: fmt::Debug + Send + Sync + 'static {
    /// Runs one job, or those that are judged together; a record for each.
    ///
    /// # Errors
    /// Only what says nothing about a rollout: the run is being stopped, its budget is spent, its store cannot be
    /// written. All else ends in a record.
    fn execute(&self, bundle: &[Ready]) -> impl Future<Output = Result<Vec<Record>>> + Send;
}

/// An [`Execute`] behind a pointer: what is boxed is a worker, not each of its rollouts.
pub(crate) trait Executor: fmt::Debug + Send + Sync {
    /// One worker at `desk`.
    fn worker(self: Arc<Self>, desk: Arc<Desk>, store: Store) -> BoxFuture<'static, ()>;
}

impl<E: Execute> Executor for E {
    fn worker(self: Arc<Self>, desk: Arc<Desk>, store: Store) -> BoxFuture<'static, ()> {
        Box::pin(desk.work(self, store))
    }
}

/// A job with all that a worker needs for it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(super) place: usize,
    pub(super) key: Key,
    pub(super) job: Job,
    pub(super) bindings: Arc<Bindings>,
}

/// What one worker does: one job, or all that are judged together.
pub(super) type Bundle = Vec<Ready>;

/// How a bundle ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// How many jobs it was.
    pub(super) jobs: usize,
    /// For each job its place, its key and what came of it.
    pub(super) result: Result<Vec<(usize, Key, Arc<Record>)>>,
}

#[derive(Debug)]
pub(crate) struct Desk {
    papers: Mutex<Papers>,
    /// One permit for each bundle that lies ready.
    ready: Semaphore,
    news: Notify,
    stop: CancellationToken,
    /// With no more than so many jobs ready, the session is asked for more.
    low: usize,
}

#[derive(Debug, Default)]
struct Papers {
    ready: VecDeque<Bundle>,
    ended: Vec<Ended>,
}

impl Desk {
    /// A desk that asks for more once no more than `low` jobs lie ready, and gives out none once `stop` is set.
    pub(super) fn new(low: usize, stop: CancellationToken) -> Arc<Self> {
        let (papers, ready, news) = (Mutex::default(), Semaphore::new(0), Notify::new());
        Arc::new(Self { papers, ready, news, stop, low })
    }

    /// Lays `bundles` down for the workers.
    pub(super) fn lay(&self, bundles: Vec<Bundle>) {
        let count = bundles.len();
        self.lock().ready.extend(bundles);
        self.ready.add_permits(count);
    }

    /// Takes back the jobs that no worker has begun; how many they were.
    pub(super) fn withdraw(&self) -> usize {
        let withdrawn = std::mem::take(&mut self.lock().ready);
        withdrawn.iter().map(Vec::len).sum()
    }

    /// Takes what has ended.
    pub(super) fn collect(&self) -> Vec<Ended> {
        std::mem::take(&mut self.lock().ended)
    }

    /// How many ended without having been collected.
    pub(super) fn count_ended(&self) -> usize {
        self.lock().ended.iter().map(|ended| ended.jobs).sum()
    }

    /// Waits until there is something to collect, or few jobs lie ready.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Runs jobs as they come and keeps their records, until the run is stopped.
    async fn work(self: Arc<Self>, executor: Arc<impl Execute>, store: Store) {
        while let Some(bundle) = self.take().await {
            let jobs = bundle.len();
            // The user's code is guarded where it is called; this is for mistakes of our own.
            let execution = pin!(executor.execute(&bundle));
            let records = AssertUnwindSafe(execution).catch_unwind().await;
            let result = records.unwrap_or_else(|panic| Err(panicked(&*panic))).and_then(|records| {
                let keep = |(ready, record): (&Ready, Record)| {
                    let record = Arc::new(record);
                    store.put_rollout(ready.key, &record)?;
                    Ok((ready.place, ready.key, record))
                };
                bundle.iter().zip(records).map(keep).collect()
            });
            self.hand_in(Ended { jobs, result });
        }
    }

    async fn take(&self) -> Option<Bundle> {
        loop {
            // The desk never closes its semaphore.
            self.ready.acquire().await.ok()?.forget();
            if self.stop.is_cancelled() {
                return None;
            }
            // Withdrawn jobs leave their permits behind.
            if let Some(bundle) = self.lock().ready.pop_front() {
                return Some(bundle);
            }
        }
    }

    fn hand_in(&self, ended: Ended) {
        let mut papers = self.lock();
        papers.ended.push(ended);
        let few = papers.ready.len() <= self.low;
        drop(papers);
        if few {
            self.news.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic_message(panic).unwrap_or("without a message");
    Error::new(ErrorKind::Other, format!("a rollout panicked in the engine: {message}"))
}
