//! Keeps a bounded number of rollouts under way, and takes from the journal what was done before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    bind::Binding,
    budget::Allowance,
    call::Ledger,
    execute::{Bindings, RolloutLimits, Stage},
    job::{Job, Task},
    models::{ModelTable, PricedModel},
    progress::{Progress, Tracker},
    record::{Record, Status},
    store::{Key, Store},
};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, ModelFailure, Result},
    judge::Jury,
    workflow::{Spent, WorkflowEntry},
};

/// How long calls under way are waited for once a run is stopped.
const GRACE: Duration = Duration::from_secs(10);
/// So many rollouts in a row that an endpoint failed: it is down, and going on only burns the dataset.
const OUTAGE: usize = 20;

/// What an engine needs.
#[derive(Debug)]
pub struct Setup {
    /// The workflow to run.
    pub workflow: WorkflowEntry,
    /// The judge of its responses; without one the workflow's own reward counts.
    pub judge: Option<Jury>,
    /// The models that slots can name.
    pub models: ModelTable,
    /// Configured values of slots.
    pub slots: BTreeMap<SlotPath, SlotValue>,
    /// Numbers.
    pub options: Options,
    /// Where everything paid for is kept.
    pub store: Store,
    /// Stops the run: calls under way are finished and kept, no new one begins.
    pub stop: CancellationToken,
}

/// Numbers of an engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Seed of every random choice.
    pub seed: u64,
    /// Most rollouts under way at once, at least 1.
    pub concurrency: usize,
    /// What one rollout may use.
    pub limits: RolloutLimits,
    /// What the run may spend, in all its sessions together.
    pub budget: Allowance,
}

impl Default for Options {
    fn default() -> Self {
        let limits = RolloutLimits { allowance: Allowance::default(), time: Some(Duration::from_secs(300)) };
        Self { seed: 0, concurrency: 64, limits, budget: Allowance::default() }
    }
}

/// The engine of one run.
#[derive(Debug)]
pub struct Engine {
    stage: Arc<Stage>,
    models: ModelTable,
    slots: BTreeMap<SlotPath, SlotValue>,
    concurrency: usize,
    stop: CancellationToken,
    tracker: Tracker,
    /// What counts of the journal.
    journal: Mutex<HashMap<Key, Record>>,
}

/// What came of a list of jobs.
#[derive(Debug)]
pub struct Run {
    /// The records, in the order of the jobs. When the run was stopped, some are missing.
    pub records: Vec<Record>,
    /// Why it was stopped before its end.
    pub stopped: Option<Error>,
}

impl Engine {
    /// An engine over what `setup` says, with the journal of its store.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when the store cannot be read.
    pub fn new(setup: Setup) -> Result<Self> {
        let Setup { workflow, judge, models, slots, options, store, stop } = setup;
        let done = store.rollouts()?.into_iter().filter(|(_, record)| record.status.counts());
        let journal = Mutex::new(done.collect());
        let ledger = Arc::new(Ledger::open(store, options.budget, stop.clone())?);
        let Options { seed, concurrency, limits, .. } = options;
        let stage = Arc::new(Stage { workflow, judge, seed, limits, ledger });
        Ok(Self {
            stage,
            models,
            slots,
            concurrency: concurrency.max(1),
            stop,
            tracker: Tracker::default(),
            journal,
        })
    }

    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.tracker.view()
    }

    /// What the run has paid so far, in all its sessions.
    pub fn spent(&self) -> Spent {
        self.stage.ledger.budget().spent()
    }

    /// Seed of every random choice.
    pub fn seed(&self) -> u64 {
        self.stage.seed
    }

    /// The store of the run.
    pub fn store(&self) -> &Store {
        self.stage.ledger.store()
    }

    /// Checks that every row fits the workflow's task type, before anything is paid.
    ///
    /// # Errors
    /// [`ErrorKind::Task`] for the first row that does not fit.
    pub fn check_task(&self, task: &Task) -> Result<()> {
        (self.stage.workflow.parse)(&task.value).map(drop).map_err(|error| {
            let message = format!("row {} {error}; mend the row, or the type", task.id);
            Error::new(ErrorKind::Task, message)
        })
    }

    /// The models that `candidate` would call: component, slot and model.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every slot that stays empty or holds a value of another role.
    pub fn models_of(&self, candidate: &Candidate) -> Result<Vec<(String, Arc<PricedModel>)>> {
        let bindings = self.bind(candidate)?;
        let components = std::iter::once(&bindings.workflow).chain(&bindings.judges);
        Ok(components
            .flat_map(Binding::models)
            .map(|(slot, model)| (slot.to_owned(), Arc::clone(model)))
            .collect())
    }

    /// Runs `jobs` as they are drawn from the iterator, telling `observe` of each record as it comes.
    ///
    /// Jobs are drawn only when there is room, so the iterator may decide late what is worth running.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] before anything is paid when a candidate's slots are not filled, and
    /// [`ErrorKind::Store`] when results cannot be kept. Whatever else ends the run early is
    /// [`Run::stopped`].
    pub async fn run(
        &self,
        jobs: impl IntoIterator<Item = Job>,
        observe: impl FnMut(&Record),
    ) -> Result<Run> {
        let session = Session {
            engine: self,
            bindings: HashMap::new(),
            under_way: JoinSet::new(),
            records: BTreeMap::new(),
            failed_in_a_row: 0,
            stopped: None,
            stopped_at: None,
            observe,
        };
        let run = session.run(jobs.into_iter()).await?;
        self.store().flush().await?;
        Ok(run)
    }

    /// Says how many rollouts are to come, for whoever shows the progress.
    pub fn expect(&self, rollouts: usize) {
        self.tracker.expect(rollouts);
    }

    fn bind(&self, candidate: &Candidate) -> Result<Bindings> {
        let Stage { workflow, judge, .. } = &*self.stage;
        let resolve = |name: &str, slots| Binding::resolve(name, slots, candidate, &self.slots, &self.models);
        let members = judge.iter().flat_map(Jury::members);
        let judges = members.map(|member| resolve(&member.name, member.slots)).collect::<Result<_>>();
        match (resolve(workflow.meta.name, workflow.slots), judges) {
            (Ok(workflow), Ok(judges)) => Ok(Bindings { workflow, judges }),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(one), Err(other)) => Err(Error::new(ErrorKind::Config, format!("{one}\n{other}"))),
        }
    }

    fn remembered(&self, key: &Key) -> Option<Record> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn remember(&self, key: Key, record: &Record) {
        if record.status.counts() {
            self.journal.lock().unwrap_or_else(PoisonError::into_inner).insert(key, record.clone());
        }
    }
}

/// One call of [`Engine::run`].
struct Session<'a, F> {
    engine: &'a Engine,
    bindings: HashMap<Key, Arc<Bindings>>,
    under_way: JoinSet<(usize, Key, Result<Record>)>,
    records: BTreeMap<usize, Record>,
    failed_in_a_row: usize,
    stopped: Option<Error>,
    stopped_at: Option<Instant>,
    observe: F,
}

impl<F: FnMut(&Record)> Session<'_, F> {
    async fn run(mut self, mut jobs: impl Iterator<Item = Job>) -> Result<Run> {
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
