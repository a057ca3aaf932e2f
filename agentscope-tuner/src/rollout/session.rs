//! One list of jobs under way: draws jobs while there is room, takes records as they come, stops when it must.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    desk::{Desk, Ended, Ready},
    engine::{Engine, Run},
    execute::Bindings,
    job::Job,
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
    records: Vec<Option<Arc<Record>>>,
    failed_in_a_row: usize,
    stopped: Option<Error>,
    stopped_at: Option<Instant>,
    observe: F,
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
            records: Vec::new(),
            failed_in_a_row: 0,
            stopped: None,
            stopped_at: None,
            observe,
        }
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
                self.open -= 1;
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
        let mut drawn = Vec::new();
        while self.open + drawn.len() < self.room && self.goes_on() {
            let Some(job) = jobs.next() else { break };
            drawn.extend(self.prepare(job)?);
        }
        if !self.goes_on() {
            self.open -= self.desk.withdraw();
            return Ok(());
        }
        self.open += drawn.len();
        self.desk.lay(drawn);
        while self.workers.len() < self.open.min(self.engine.concurrency()) {
            self.workers.spawn(Arc::clone(&self.desk).work(Arc::clone(&self.engine.stage)));
        }
        Ok(())
    }

    /// `job` made ready; `None` where the journal has its record.
    fn prepare(&mut self, job: Job) -> Result<Option<Ready>> {
        let (hash, bindings) = self.bind(&job.candidate)?;
        let stage = &self.engine.stage;
        let key = job.key(&hash, stage.workflow.meta.name, stage.judge.as_ref().map(Jury::name));
        let place = self.records.len();
        self.records.push(None);
        if let Some(record) = self.engine.remembered(&key) {
            self.note(place, record, true);
            return Ok(None);
        }
        Ok(Some(Ready { place, key, job, bindings }))
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
            Some(left) = self.workers.join_next() => self.left(left),
            () = grace_after(&self.engine.stop, &mut self.stopped_at) => {
                self.workers.shutdown().await;
                self.desk.withdraw();
                self.open = self.desk.count_ended();
            }
        }
    }

    /// A worker goes when the run is stopped; else it panicked, which the user's code never makes it do.
    fn left(&mut self, left: Result<(), JoinError>) {
        if let Err(error) = left {
            self.open -= 1;
            let error = Error::new(ErrorKind::Other, "a rollout panicked in the engine").with_source(error);
            self.stopped.get_or_insert(error);
        }
    }

    fn take(&mut self, Ended { place, key, result }: Ended) -> Result<()> {
        match result {
            Ok(record) => {
                self.engine.remember(key, &record);
                self.note(place, record, false);
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
