//! Keeps a bounded number of rollouts under way, and takes from the journal what was done before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    bind::{Binding, default_value},
    budget::Allowance,
    call::{Answered, Books, Ledger},
    desk::Executor,
    execute::{Bindings, RolloutLimits, Stage},
    job::{Job, Task},
    models::{ModelTable, PricedModel},
    progress::{Progress, Tracker},
    record::Record,
    session::Session,
    store::{Key, KeyMap, Store},
};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    component::Meta,
    error::{Error, ErrorKind, Result},
    judge::Jury,
    workflow::{Access, SlotSpec, Spent, WorkflowEntry},
};

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
    pub(super) stage: Arc<Stage>,
    /// Who runs rollouts: the stage itself, unless others do.
    pub(super) executor: Arc<dyn Executor>,
    pub(super) ledger: Arc<Ledger>,
    models: ModelTable,
    slots: BTreeMap<SlotPath, SlotValue>,
    concurrency: usize,
    pub(super) stop: CancellationToken,
    pub(super) tracker: Tracker,
    /// What counts of the journal.
    journal: Mutex<KeyMap<Arc<Record>>>,
}

/// What came of a list of jobs.
#[derive(Debug)]
pub struct Run {
    /// The records, in the order of the jobs. When the run was stopped, some are missing.
    pub records: Vec<Arc<Record>>,
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
        let journal = Mutex::new(done.map(|(key, record)| (key, Arc::new(record))).collect());
        let ledger = Arc::new(Ledger::open(store, options.budget, stop.clone())?);
        let Options { seed, concurrency, limits, .. } = options;
        let books = Books::Here(Arc::clone(&ledger));
        let stage = Arc::new(Stage { workflow, judge, seed, limits, books, access: None });
        Ok(Self {
            executor: Arc::clone(&stage) as Arc<dyn Executor>,
            stage,
            ledger,
            models,
            slots,
            concurrency: concurrency.max(1),
            stop,
            tracker: Tracker::default(),
            journal,
        })
    }

    /// The same engine, whose workflows can open endpoints to their models.
    #[must_use]
    pub fn with_access(mut self, access: Arc<dyn Access>) -> Self {
        self.stage = Arc::new(Stage { access: Some(access), ..(*self.stage).clone() });
        self.executor = Arc::clone(&self.stage) as Arc<dyn Executor>;
        self
    }

    /// The same engine, whose rollouts are run by `executor`.
    #[must_use]
    pub(crate) fn with_executor(mut self, executor: Arc<dyn Executor>) -> Self {
        self.executor = executor;
        self
    }

    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.tracker.view()
    }

    /// What the run has paid so far, in all its sessions.
    pub fn spent(&self) -> Spent {
        self.ledger.budget().spent()
    }

    /// The answers that were paid since the last call of this, by their keys in the store. The first call takes nothing, and
    /// says that answers are wanted from now on; they stay in memory until they are taken.
    pub fn take_answers(&self) -> HashMap<Key, Answered> {
        self.ledger.take_answers()
    }

    /// Whether the run is being stopped: no new call begins.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Most rollouts under way at once in one call of [`run`](Self::run).
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Seed of every random choice.
    pub fn seed(&self) -> u64 {
        self.stage.seed
    }

    /// The store of the run.
    pub fn store(&self) -> &Store {
        self.ledger.store()
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
        let run = Session::new(self, observe).run(jobs.into_iter()).await?;
        self.store().flush().await?;
        Ok(run)
    }

    /// As [`run`](Self::run), for jobs that this process does not ask for again: their records are kept in the store, and
    /// not in memory as well.
    ///
    /// # Errors
    /// As there.
    pub async fn run_once(&self, jobs: impl IntoIterator<Item = Job>) -> Result<Run> {
        let run = Session::new(self, |_| {}).forgetting().run(jobs.into_iter()).await?;
        self.store().flush().await?;
        Ok(run)
    }

    /// The slots of the workflow, and what they hold where no candidate says otherwise.
    pub fn workflow_slots(&self) -> Vec<(SlotPath, &'static SlotSpec, Option<SlotValue>)> {
        let WorkflowEntry { meta, slots, .. } = self.stage.workflow;
        let slot = |slot: &'static SlotSpec| {
            let path = SlotPath::new(meta.name, slot.name);
            let value = self.slots.get(&path).cloned().or_else(|| default_value(slot));
            (path, slot, value)
        };
        slots.iter().map(slot).collect()
    }

    /// What the workflow is called and what its documentation says.
    pub fn workflow(&self) -> &Meta {
        &self.stage.workflow.meta
    }

    /// Whether a judge compares the responses to a task: then all rollouts of one row, as far as they follow one another in a list
    /// of jobs, are judged together, and their rewards say nothing about other lists.
    pub fn compares(&self) -> bool {
        self.stage.judge.as_ref().is_some_and(Jury::compares)
    }

    /// Refuses judges that compare, where `since` says why no comparison holds.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the remedy.
    pub fn judges_alone(&self, since: &str) -> Result<()> {
        if !self.compares() {
            return Ok(());
        }
        let message = format!(
            "the judge compares the responses to a row with each other, but {since}: choose a judge that scores one \
             response, such as `rubric`, or `pairwise` against a reference"
        );
        Err(Error::new(ErrorKind::Config, message))
    }

    /// What the run may spend, in all its sessions together.
    pub fn allowance(&self) -> Allowance {
        *self.ledger.budget().allowance()
    }

    pub(super) fn models(&self) -> &ModelTable {
        &self.models
    }

    /// Says how many rollouts are to come, for whoever shows the progress.
    pub fn expect(&self, rollouts: usize) {
        self.tracker.expect(rollouts);
    }

    pub(super) fn bind(&self, candidate: &Candidate) -> Result<Bindings> {
        self.stage.bind(candidate, &self.slots, &self.models)
    }

    pub(super) fn remembered(&self, key: &Key) -> Option<Arc<Record>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(super) fn forget(&self, key: &Key) {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    pub(super) fn remember(&self, key: Key, record: &Arc<Record>) {
        if record.status.counts() {
            self.journal.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(record));
        }
    }
}
