//! The tuned workflow in production.

use std::{
    fmt,
    marker::PhantomData,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{RunDir, Session, configuration};
use crate::{
    candidate::{Candidate, SlotValue},
    config::Config,
    error::{Error, ErrorKind, Result},
    gateway::RunGateway,
    registry::Registry,
    rollout::{Binding, ModelTable, Store},
    seed,
    strategy::Outcome,
    workflow::{Access, Context, Workflow, unerase},
};

/// The best checkpoint of a run that trained weights, within its directory.
const BEST: &str = "best";

/// A workflow with the slots that a run found best: the plain function, without store, budget or judge.
///
/// Cheap to clone, and to be shared: a server keeps one for all its requests.
///
/// ```no_run,standalone_crate
/// use agentscope_tuner::{prelude::*, tuner::Tuned};
///
/// /// Asks the model.
/// #[workflow]
/// async fn solve(question: String, model: Model) -> Result<String> {
///     model.ask(question).await
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let tuned = Tuned::<solve>::load("runs/latest")?;
/// let answer: String = tuned.run("1 + 1?".to_owned()).await?;
/// # Ok(()) }
/// ```
///
/// What was tuned from within a program has its models there:
///
/// ```standalone_crate
/// use agentscope_tuner::{
///     candidate::{Candidate, SlotPath, SlotValue},
///     model::scripted::Scripted,
///     prelude::*,
///     rollout::ModelTable,
///     tuner::Tuned,
/// };
///
/// /// Asks the model.
/// #[workflow]
/// async fn solve(question: String, model: Model, #[prompt("Be brief.")] system: Prompt) -> Result<String> {
///     model.ask(format!("{system} {question}")).await
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let models = ModelTable::default().with("echo", Model::new(Scripted::new("echo", |request| {
///     request.messages[0].text()
/// })));
/// let best = Candidate::new("kind")
///     .with(SlotPath::new("solve", "model"), SlotValue::model("echo"))
///     .with(SlotPath::new("solve", "system"), SlotValue::Prompt("Be kind.".into()));
/// let tuned = Tuned::<solve>::from_candidate(best, &models)?;
/// assert_eq!(tuned.run("1 + 1?".to_owned()).await?, "Be kind. 1 + 1?");
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct Tuned<W> {
    inner: Arc<Inner>,
    workflow: PhantomData<fn() -> W>,
}

struct Inner {
    candidate: Candidate,
    binding: Binding,
    seed: u64,
    gateway: Arc<RunGateway>,
    /// Requests so far, which tells their random choices apart.
    requests: AtomicU64,
}

impl<W: Workflow> Tuned<W> {
    /// The winner of the run in `directory`, such as `runs/latest`, over the settings that the run was begun with; of a run
    /// over several workflows, that of this one. Its
    /// models are built anew; keys come from the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where there is no run, or one that chose nothing; [`ErrorKind::Config`] when a model cannot be
    /// built or a slot stays empty; [`ErrorKind::Store`] when the run cannot be read, or was run from within a program,
    /// which alone knows its models: use [`from_candidate`](Self::from_candidate).
    pub fn load(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let dir = RunDir::at(directory).ok_or_else(|| {
            let message = format!("there is no run in {}: name its directory", directory.display());
            Error::new(ErrorKind::Usage, message)
        })?;
        let dir = dir.part(W::ENTRY.meta.name).unwrap_or(dir);
        let winner = winner(&dir)?;
        let mut config = configuration(&Store::view(dir.store())?, dir.path(), &[])?;
        // Production needs no judge, and may not even be linked with one.
        config.file.slots.retain(|component, _| component == W::ENTRY.meta.name);
        for name in trained(&winner) {
            if let Some(spec) = config.file.models.get_mut(name) {
                spec.path = Some(std::path::absolute(dir.path().join(BEST))?);
            }
        }
        Self::configured(winner, &config)
    }

    fn configured(candidate: Candidate, config: &Config) -> Result<Self> {
        let registry = Registry::builder().workflow::<W>().build()?;
        let session = Session::unjudged(&registry, config)?;
        // The session's slots are those of the settings, over which the candidate goes.
        let mut slots = session.slots.clone();
        slots.extend(candidate.slots.clone());
        let models = session.models(std::slice::from_ref(&candidate))?;
        Self::from_candidate(Candidate { slots, ..candidate }, &models)
    }

    /// `candidate` with these models. Slots that it does not set have the defaults of their attributes.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every slot that stays empty, holds a value of another role, or names a model that is not
    /// in the table.
    pub fn from_candidate(candidate: Candidate, models: &ModelTable) -> Result<Self> {
        let (name, slots) = (W::ENTRY.meta.name, W::ENTRY.slots);
        let binding = Binding::resolve(name, slots, &candidate, &Default::default(), models)?;
        // Another process makes other random choices: nothing here is to be repeated.
        let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let seed = seed::draw(0, "production", [&started.as_nanos().to_le_bytes()[..]]);
        let gateway = Arc::new(RunGateway::new());
        let inner = Inner { candidate, binding, seed, gateway, requests: AtomicU64::new(0) };
        Ok(Self { inner: Arc::new(inner), workflow: PhantomData })
    }

    /// What fills the slots.
    pub fn candidate(&self) -> &Candidate {
        &self.inner.candidate
    }

    /// Runs the workflow on `task`.
    ///
    /// # Errors
    /// The workflow's own.
    pub async fn run(&self, task: W::Task) -> Result<W::Response> {
        let number = self.inner.requests.fetch_add(1, Relaxed);
        let seed = seed::draw(self.inner.seed, "request", [&number.to_le_bytes()[..]]);
        let access = Arc::clone(&self.inner.gateway) as Arc<dyn Access>;
        let context = Context::builder(format!("request/{number}")).seed(seed).access(access);
        let context = self.inner.binding.fill_directly(context).build();
        let _open = context.closing();
        let produced = (W::ENTRY.run)(Arc::new(task), context).await?;
        let response = unerase::<W::Response>(produced.response)?;
        Arc::into_inner(response)
            .ok_or_else(|| Error::new(ErrorKind::Workflow, "the workflow kept its response to itself"))
    }
}

/// Names of the models that the run trained: the weights that it chose lie in its own directory.
fn trained(candidate: &Candidate) -> impl Iterator<Item = &str> {
    candidate.slots.values().filter_map(|value| match value {
        SlotValue::Model { name, version: Some(version), .. } if *version > 0 => Some(name.as_str()),
        _ => None,
    })
}

fn winner(dir: &RunDir) -> Result<Candidate> {
    let usage = |message: String| Error::new(ErrorKind::Usage, message);
    let shown = dir.path().display();
    let outcome: Outcome = dir.outcome()?.ok_or_else(|| {
        usage(format!("{shown} has no outcome yet: wait for its end, or go on with `resume {shown}`"))
    })?;
    outcome.chosen().cloned().ok_or_else(|| {
        usage(format!(
            "{shown} chose no candidate ({}): load a run of `select`, `prompt` or `weights` that did, or name a candidate with Tuned::from_candidate",
            outcome.headline
        ))
    })
}

impl<W> Clone for Tuned<W> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), workflow: PhantomData }
    }
}

impl<W> fmt::Debug for Tuned<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuned").field("candidate", &self.inner.candidate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
