//! One list of jobs under way: draws jobs while there is room, takes records as they come, stops when it must.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    desk::{Bundle, Desk, Ended, Ready},
    engine::{Engine, Run},
    execute::Bindings,
    job::{Job, together},
    record::{Record, Status},
    store::Key,
};
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, ModelFailure, Result},
    judge::Jury,
};

/// How long calls under way are waited for once a run is stopped.
const GRACE: Duration = Duration::from_secs(10);
/// So many rollouts in a row that an endpoint failed: it is down, and going on only burns the dataset.
const OUTAGE: usize = 20;
/// One job lies ready in advance for so many under way.
const AHEAD: usize = 8;

/// One call of [`Engine::run`].
pub(super) struct Session<'a, F> {
    engine: &'a Engine,
    /// By the address of the candidate, which is kept so that no other one can take its place.
    bindings: HashMap<usize, Bound>,
    desk: Arc<Desk>,
    workers: JoinSet<()>,
    /// Most jobs that lie ready or are under way.
    room: usize,
    /// Jobs that lie ready or are under way.
    open: usize,
    /// Jobs of the largest bundle so far: a worker has so many rollouts under way.
    largest: usize,
    /// Drawn, and not one of the bundle that was drawn before it.
    next: Option<Job>,
    records: Vec<Option<Arc<Record>>>,
    failed_in_a_row: usize,
    stopped: Option<Error>,
    stopped_at: Option<Instant>,
    observe: F,
    /// Whether the engine remembers what ended, for who asks again.
    remembers: bool,
}

struct Bound {
    hash: Key,
    bindings: Arc<Bindings>,
    _candidate: Arc<Candidate>,
}

impl<'a, F: FnMut(&Record)> Session<'a, F> {
    pub(super) fn new(engine: &'a Engine, observe: F) -> Self {
        let ahead = engine.concurrency() / AHEAD;
        Self {
            engine,
            bindings: HashMap::new(),
            desk: Desk::new(ahead / 2, engine.stop.clone()),
            workers: JoinSet::new(),
            room: engine.concurrency() + ahead,
            open: 0,
            largest: 1,
            next: None,
            records: Vec::new(),
            failed_in_a_row: 0,
            stopped: None,
            stopped_at: None,
            observe,
            remembers: true,
        }
    }

    /// The same, whose records the engine does not remember.
    pub(super) fn forgetting(self) -> Self {
        Self { remembers: false, ..self }
    }

    /// Runs `jobs` to their end, or until something ends the run.
    pub(super) async fn run(mut self, mut jobs: impl Iterator<Item = Job>) -> Result<Run> {
        loop {
            self.draw(&mut jobs)?;
            if self.open == 0 {
                break;
            }
            self.wait().await;
            for ended in self.desk.collect() {
                self.open -= ended.jobs;
                self.take(ended)?;
            }
        }
        if self.engine.stop.is_cancelled() {
            self.stopped.get_or_insert_with(|| Error::new(ErrorKind::Cancelled, "the run was stopped"));
        }
        Ok(Run { records: self.records.into_iter().flatten().collect(), stopped: self.stopped })
    }

    fn goes_on(&self) -> bool {
        self.stopped.is_none() && !self.engine.stop.is_cancelled()
    }

    /// Draws jobs while there is room; once the run is stopped, takes back what no worker has begun.
    fn draw(&mut self, jobs: &mut impl Iterator<Item = Job>) -> Result<()> {
        let (mut drawn, mut open) = (Vec::new(), self.open);
        while open < self.room && self.goes_on() {
            let Some(job) = self.next.take().or_else(|| jobs.next()) else { break };
            let bundle = self.prepare(job, jobs)?;
            self.largest = self.largest.max(bundle.len());
            open += bundle.len();
            drawn.extend(Some(bundle).filter(|bundle| !bundle.is_empty()));
        }
        if !self.goes_on() {
            self.open -= self.desk.withdraw();
            return Ok(());
        }
        self.open = open;
        self.desk.lay(drawn);
        while self.workers.len() < self.open.min(self.engine.concurrency()).div_ceil(self.largest) {
            let (executor, store) = (Arc::clone(&self.engine.executor), self.engine.store().clone());
            self.workers.spawn(executor.worker(Arc::clone(&self.desk), store));
        }
        Ok(())
    }

    /// `job` made ready, with those after it that are judged together with it; empty where the journal has their records.
    fn prepare(&mut self, job: Job, jobs: &mut impl Iterator<Item = Job>) -> Result<Bundle> {
        let mut bundle = vec![self.ready(job)?];
        if self.engine.compares() {
            for job in jobs.by_ref() {
                if job.task.id != bundle[0].job.task.id {
                    self.next = Some(job);
                    break;
                }
                bundle.push(self.ready(job)?);
            }
            let keys: Vec<_> = bundle.iter().map(|ready| ready.key).collect();
            bundle.iter_mut().zip(together(&keys)).for_each(|(ready, key)| ready.key = key);
        }
        let remembered: Option<Vec<_>> =
            bundle.iter().map(|ready| self.engine.remembered(&ready.key)).collect();
        let Some(remembered) = remembered else { return Ok(bundle) };
        for (ready, record) in bundle.drain(..).zip(remembered) {
            if !self.remembers {
                self.engine.forget(&ready.key);
            }
            self.note(ready.place, record, true);
        }
        Ok(bundle)
    }

    fn ready(&mut self, job: Job) -> Result<Ready> {
        let (hash, bindings) = self.bind(&job.candidate)?;
        let stage = &self.engine.stage;
        let key = job.key(&hash, stage.workflow.meta.name, stage.judge.as_ref().map(Jury::name));
        let place = self.records.len();
        self.records.push(None);
        Ok(Ready { place, key, job, bindings })
    }

    fn bind(&mut self, candidate: &Arc<Candidate>) -> Result<(Key, Arc<Bindings>)> {
        let address = Arc::as_ptr(candidate).addr();
        if let Some(bound) = self.bindings.get(&address) {
            return Ok((bound.hash, Arc::clone(&bound.bindings)));
        }
        let (hash, bindings) = (candidate.hash(), Arc::new(self.engine.bind(candidate)?));
        self.engine.store().put_candidate(candidate)?;
        let bound = Bound { hash, bindings: Arc::clone(&bindings), _candidate: Arc::clone(candidate) };
        self.bindings.insert(address, bound);
        Ok((hash, bindings))
    }

    /// Waits for the workers. Once the run is stopped, waits for calls under way, but not for ever.
    async fn wait(&mut self) {
        tokio::select! {
            () = self.desk.news() => {}
            // A worker goes when the run is stopped.
            Some(_) = self.workers.join_next() => {}
            () = grace_after(&self.engine.stop, &mut self.stopped_at) => {
                self.workers.shutdown().await;
                self.desk.withdraw();
                self.open = self.desk.count_ended();
            }
        }
    }

    fn take(&mut self, ended: Ended) -> Result<()> {
        match ended.result {
            Ok(records) => {
                for (place, key, record) in records {
                    if self.remembers {
                        self.engine.remember(key, &record);
                    }
                    self.note(place, record, false);
                }
            }
            Err(error) if error.kind() == ErrorKind::Store => return Err(error),
            Err(error) => _ = self.stopped.get_or_insert(error),
        }
        Ok(())
    }

    fn note(&mut self, place: usize, record: Arc<Record>, resumed: bool) {
        self.engine.tracker.note(&record, resumed);
        (self.observe)(&record);
        if record.status == Status::InfrastructureFailed {
            self.failed_in_a_row += 1;
        } else {
            self.failed_in_a_row = 0;
        }
        if self.failed_in_a_row >= OUTAGE {
            let last = record.error.as_deref().unwrap_or_default();
            let message = format!(
                "the last {OUTAGE} rollouts all failed at an endpoint ({last}); what is finished is kept: mend it and continue with `resume`"
            );
            self.stopped.get_or_insert_with(|| Error::new(ErrorKind::Model(ModelFailure::Server), message));
        }
        self.records[place] = Some(record);
    }
}

async fn grace_after(stop: &CancellationToken, stopped_at: &mut Option<Instant>) {
    stop.cancelled().await;
    tokio::time::sleep_until(*stopped_at.get_or_insert_with(Instant::now) + GRACE).await;
}
