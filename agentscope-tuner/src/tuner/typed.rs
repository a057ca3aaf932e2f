//! The same as a library, with the types checked by the compiler.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{RunDir, tasks};
use crate::{
    candidate::{SlotPath, SlotValue},
    dataset::Dataset,
    error::{Error, ErrorKind, Result},
    gateway::RunGateway,
    judge::{IsResponseOf, Judge, Jury},
    model::Model,
    rollout::{Engine, ModelTable, Options, PricedModel, Setup, Store},
    strategy::{Inputs, Monitor, Outcome, Silent, Strategy},
    workflow::{Workflow, WorkflowEntry},
};

/// Tunes one workflow from within a program.
///
/// ```standalone_crate
/// use agentscope_tuner::{model::scripted::Scripted, prelude::*, strategy::Evaluation, tuner::Tuner};
///
/// #[derive(Clone, Deserialize)]
/// struct Sum { question: String, answer: String }
///
/// /// Asks the model.
/// #[workflow]
/// async fn solve(task: Sum, model: Model) -> Result<String> {
///     model.ask(task.question).await
/// }
///
/// /// 1 when the answer is right.
/// #[judge]
/// async fn exact(task: &Sum, response: &str) -> bool {
///     response == task.answer
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let runs = tempfile::tempdir()?;
/// let rows = [("1+1", "2"), ("2+2", "5")];
/// let outcome = Tuner::new::<solve, exact>()
///     .dataset(Dataset::from_rows(rows.map(|(q, a)| serde_json::json!({"question": q, "answer": a}))))
///     .model("model", Scripted::new("two", |_| "2"))
///     .runs(runs.path())
///     .run(Evaluation::default())
///     .await?;
/// assert_eq!(outcome.candidates[0].reward.unwrap().mean, 0.5);
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct Tuner {
    workflow: WorkflowEntry,
    judge: Option<Jury>,
    dataset: Option<Dataset>,
    train: Option<Dataset>,
    models: ModelTable,
    slots: BTreeMap<SlotPath, SlotValue>,
    options: Options,
    runs: PathBuf,
    stop: CancellationToken,
    monitor: Box<dyn Monitor>,
    fault: Option<Error>,
}

impl Tuner {
    /// Tunes `W`, judged by `J`. That they fit is checked by the compiler.
    pub fn new<W, J>() -> Self
    where
        W: Workflow<Response: IsResponseOf<J::Response>>,
        J: Judge<Task = W::Task>,
    {
        Self { judge: Some(J::ENTRY.into()), ..Self::unjudged::<W>() }
    }

    /// Tunes `W` by the reward that it returns itself.
    pub fn unjudged<W: Workflow>() -> Self {
        Self {
            workflow: W::ENTRY,
            judge: None,
            dataset: None,
            train: None,
            models: ModelTable::default(),
            slots: BTreeMap::new(),
            options: Options::default(),
            runs: "runs".into(),
            stop: CancellationToken::new(),
            monitor: Box::new(Silent),
            fault: None,
        }
    }

    /// The rows to measure on.
    #[must_use]
    pub fn dataset(mut self, dataset: Dataset) -> Self {
        self.dataset = Some(dataset);
        self
    }

    /// The rows to learn from; not needed by strategies that only measure.
    #[must_use]
    pub fn train(mut self, dataset: Dataset) -> Self {
        self.train = Some(dataset);
        self
    }

    /// Fills a slot of the workflow with a model, which strategies know by the slot's name.
    #[must_use]
    pub fn model(self, slot: &str, model: impl TryInto<Model, Error: Into<Error>>) -> Self {
        let path = SlotPath::new(self.workflow.meta.name, slot);
        let mut tuner = self.known_model(slot, model);
        tuner.slots.insert(path, SlotValue::model(slot));
        tuner
    }

    /// Adds a model that candidates can name.
    #[must_use]
    pub fn known_model(mut self, name: &str, model: impl TryInto<Model, Error: Into<Error>>) -> Self {
        match model.try_into() {
            Ok(model) => self.models = self.models.with(name, PricedModel::from(model)),
            Err(error) => _ = self.fault.get_or_insert(error.into()),
        }
        self
    }

    /// Fills a slot with any other value.
    #[must_use]
    pub fn slot(mut self, path: SlotPath, value: SlotValue) -> Self {
        self.slots.insert(path, value);
        self
    }

    /// Sets seed, concurrency, limits and budget.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Sets where runs are kept; `runs` in the working directory when not set.
    #[must_use]
    pub fn runs(mut self, directory: impl Into<PathBuf>) -> Self {
        self.runs = directory.into();
        self
    }

    /// Stops the run when `stop` is cancelled: calls under way are finished and kept.
    #[must_use]
    pub fn stop(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// Tells `monitor` how the run goes.
    #[must_use]
    pub fn monitor(mut self, monitor: impl Monitor + 'static) -> Self {
        self.monitor = Box::new(monitor);
        self
    }

    /// Runs `strategy` and keeps the run in a new directory.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the dataset is missing, a model cannot be built or a slot stays empty; otherwise as
    /// [`Strategy::run`].
    pub async fn run(self, strategy: impl Strategy) -> Result<Outcome> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let missing = |what: &str| Error::new(ErrorKind::Config, what.to_owned());
        let eval = self
            .dataset
            .ok_or_else(|| missing("there are no rows: give the tuner a dataset with `.dataset(…)`"))?;
        let eval = tasks(&eval)?;
        let train = self.train.as_ref().map(tasks).transpose()?.unwrap_or_default();
        if strategy.learns() && train.is_empty() {
            return Err(missing("there are no rows to learn from: give the tuner some with `.train(…)`"));
        }
        let dir = RunDir::create(&self.runs, strategy.name())?;
        let engine = Engine::new(Setup {
            workflow: self.workflow,
            judge: self.judge,
            models: strategy.adapt(self.models)?,
            slots: self.slots,
            options: self.options,
            store: Store::open(dir.store())?,
            stop: self.stop,
        })?
        .with_access(Arc::new(RunGateway::new()));
        train.iter().chain(&eval).try_for_each(|task| engine.check_task(task))?;
        let inputs = Inputs {
            engine: &engine,
            train: &train,
            eval: &eval,
            directory: dir.path(),
            monitor: &*self.monitor,
        };
        let outcome = strategy.run(inputs).await?;
        dir.write_outcome(&serde_json::to_string_pretty(&outcome)?)?;
        Ok(outcome)
    }
}

impl fmt::Debug for Tuner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (workflow, slots) = (self.workflow.meta.name, &self.slots);
        f.debug_struct("Tuner").field("workflow", &workflow).field("slots", slots).finish_non_exhaustive()
    }
}
