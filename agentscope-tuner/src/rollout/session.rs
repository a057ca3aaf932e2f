//! One list of jobs under way: begins rollouts while there is room, takes them as they end, stops when it must.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    engine::{Engine, Run},
    execute::Bindings,
    job::Job,
    record::{Record, Status},
    store::Key,
};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    judge::Jury,
};

/// How long calls under way are waited for once a run is stopped.
const GRACE: Duration = Duration::from_secs(10);
/// So many rollouts in a row that an endpoint failed: it is down, and going on only burns the dataset.
const OUTAGE: usize = 20;

/// One call of [`Engine::run`].
pub(super) struct Session<'a, F> {
    engine: &'a Engine,
    bindings: HashMap<Key, Arc<Bindings>>,
    under_way: JoinSet<(usize, Key, Result<Record>)>,
    records: BTreeMap<usize, Record>,
    failed_in_a_row: usize,
    stopped: Option<Error>,
    stopped_at: Option<Instant>,
    observe: F,
}

impl<'a, F: FnMut(&Record)> Session<'a, F> {
    pub(super) fn new(engine: &'a Engine, observe: F) -> Self {
        Self {
            engine,
            bindings: HashMap::new(),
            under_way: JoinSet::new(),
            records: BTreeMap::new(),
            failed_in_a_row: 0,
            stopped: None,
            stopped_at: None,
            observe,
        }
    }

    /// Runs `jobs` to their end, or until something ends the run.
    pub(super) async fn run(mut self, mut jobs: impl Iterator<Item = Job>) -> Result<Run> {
        let mut next = 0;
        loop {
            while self.under_way.len() < self.engine.concurrency && self.goes_on() {
                let Some(job) = jobs.next() else { break };
                self.begin(next, job)?;
                next += 1;
            }
            match self.next_ended().await {
                None => break,
                Some((place, key, Ok(record))) => {
                    self.engine.remember(key, &record);
                    self.note(place, record, false);
                }
                Some((_, _, Err(error))) if error.kind() == ErrorKind::Store => return Err(error),
                Some((_, _, Err(error))) => _ = self.stopped.get_or_insert(error),
            }
        }
        if self.engine.stop.is_cancelled() {
            self.stopped.get_or_insert_with(|| Error::new(ErrorKind::Cancelled, "the run was stopped"));
        }
        Ok(Run { records: self.records.into_values().collect(), stopped: self.stopped })
    }

    fn goes_on(&self) -> bool {
        self.stopped.is_none() && !self.engine.stop.is_cancelled()
    }

    fn begin(&mut self, place: usize, job: Job) -> Result<()> {
        let hash = job.candidate.hash();
        let bindings = match self.bindings.get(&hash) {
            Some(bindings) => Arc::clone(bindings),
            None => {
                let bindings = Arc::new(self.engine.bind(&job.candidate)?);
                self.engine.store().put_candidate(&job.candidate)?;
                self.bindings.insert(hash, Arc::clone(&bindings));
                bindings
            }
        };
        let stage = Arc::clone(&self.engine.stage);
        let key = job.key(&hash, stage.workflow.meta.name, stage.judge.as_ref().map(Jury::name));
        if let Some(record) = self.engine.remembered(&key) {
            self.note(place, record, true);
            return Ok(());
        }
        self.under_way.spawn(async move {
            let result = stage.execute(&job, &bindings).await.and_then(|record| {
                stage.ledger.store().put_rollout(key, &record)?;
                Ok(record)
            });
            (place, key, result)
        });
        Ok(())
    }

    /// The next rollout that ends. Once the run is stopped, waits for calls under way, but not for ever.
    async fn next_ended(&mut self) -> Option<(usize, Key, Result<Record>)> {
        loop {
            let joined = tokio::select! {
                joined = self.under_way.join_next() => joined?,
                () = grace_after(&self.engine.stop, &mut self.stopped_at) => {
                    self.under_way.abort_all();
                    self.under_way.join_next().await?
                }
            };
            match joined {
                Ok(ended) => return Some(ended),
                // Aborted; a panic of the user's code never comes this far.
                Err(error) if error.is_cancelled() => {}
                Err(error) => {
                    let error =
                        Error::new(ErrorKind::Other, "a rollout panicked in the engine").with_source(error);
                    return Some((0, Key::default(), Err(error)));
                }
            }
        }
    }

    fn note(&mut self, place: usize, record: Record, resumed: bool) {
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
        self.records.insert(place, record);
    }
}

async fn grace_after(stop: &CancellationToken, stopped_at: &mut Option<Instant>) {
    stop.cancelled().await;
    tokio::time::sleep_until(*stopped_at.get_or_insert_with(Instant::now) + GRACE).await;
}
