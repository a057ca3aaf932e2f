//! The desk between a session and its workers: jobs lie on it until a worker is free, records until the session
//! looks.
//!
//! Jobs lie ready in advance and records are taken several at a time, so that neither side wakes the other for each
//! rollout: where rollouts are short, waking is most of what they cost.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    execute::{Bindings, Stage},
    job::Job,
    record::Record,
    store::Key,
};
use crate::error::Result;

/// A job with all that a worker needs for it.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) place: usize,
    pub(super) key: Key,
    pub(super) job: Job,
    pub(super) bindings: Arc<Bindings>,
}

/// How a job ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) place: usize,
    pub(super) key: Key,
    pub(super) result: Result<Arc<Record>>,
}

#[derive(Debug)]
pub(super) struct Desk {
    papers: Mutex<Papers>,
    /// One permit for each job that lies ready.
    ready: Semaphore,
    news: Notify,
    stop: CancellationToken,
    /// With no more than so many jobs ready, the session is asked for more.
    low: usize,
}

#[derive(Debug, Default)]
struct Papers {
    ready: VecDeque<Ready>,
    ended: Vec<Ended>,
}

impl Desk {
    /// A desk that asks for more once no more than `low` jobs lie ready, and gives out none once `stop` is set.
    pub(super) fn new(low: usize, stop: CancellationToken) -> Arc<Self> {
        let (papers, ready, news) = (Mutex::default(), Semaphore::new(0), Notify::new());
        Arc::new(Self { papers, ready, news, stop, low })
    }

    /// Lays `jobs` down for the workers.
    pub(super) fn lay(&self, jobs: Vec<Ready>) {
        let count = jobs.len();
        self.lock().ready.extend(jobs);
        self.ready.add_permits(count);
    }

    /// Takes back the jobs that no worker has begun; how many they were.
    pub(super) fn withdraw(&self) -> usize {
        let withdrawn = std::mem::take(&mut self.lock().ready);
        withdrawn.len()
    }

    /// Takes what has ended.
    pub(super) fn collect(&self) -> Vec<Ended> {
        std::mem::take(&mut self.lock().ended)
    }

    /// How many ended without having been collected.
    pub(super) fn count_ended(&self) -> usize {
        self.lock().ended.len()
    }

    /// Waits until there is something to collect, or few jobs lie ready.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Runs jobs as they come, until the run is stopped.
    pub(super) async fn work(self: Arc<Self>, stage: Arc<Stage>) {
        while let Some(Ready { place, key, job, bindings }) = self.take().await {
            let record = stage.execute(&job, &bindings).await;
            let result = record.map(Arc::new).and_then(|record| {
                stage.ledger.store().put_rollout(key, &record)?;
                Ok(record)
            });
            self.hand_in(Ended { place, key, result });
        }
    }

    async fn take(&self) -> Option<Ready> {
        loop {
            // The desk never closes its semaphore.
            self.ready.acquire().await.ok()?.forget();
            if self.stop.is_cancelled() {
                return None;
            }
            // Withdrawn jobs leave their permits behind.
            if let Some(ready) = self.lock().ready.pop_front() {
                return Some(ready);
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
