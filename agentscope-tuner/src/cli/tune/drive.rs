//! One command over one workflow: prepared, run, shown.

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    candidate::Candidate,
    cli::{
        INTERRUPTED,
        args::{Common, Format},
        command::Command,
        monitor::Monitors,
        progress, show, usage,
    },
    config::Config,
    error::{Error, ErrorKind, Result},
    registry::Registry,
    report,
    rollout::{
        Engine, ModelTable, Store, Task,
        remote::{self, RayOptions},
    },
    strategy::{Inputs, Outcome, Strategy},
    tuner::{RunDir, Session, dry_models, evaluation_tasks, learning_tasks, ray_options, write_report},
    workflow,
};

/// The numbers of all steps, as lines of JSON.
const METRICS: &str = "metrics.jsonl";

/// A command with all that it needs.
pub(super) struct Drive<'a> {
    config: &'a Config,
    session: Session<'a>,
    /// The cluster that rollouts run on, if any.
    ray: Option<RayOptions>,
    strategy: Box<dyn Strategy>,
    candidates: Vec<Candidate>,
    train: Vec<Arc<Task>>,
    eval: Vec<Arc<Task>>,
}

impl<'a> Drive<'a> {
    /// # Errors
    /// Everything that can be wrong before a model is asked.
    pub(super) fn prepare(
        registry: &'a Registry,
        config: &'a Config,
        common: &'a Common,
        command: &Command,
    ) -> Result<Self> {
        let session = Session::prepare(registry, config)?;
        let (strategy, candidates) = command.strategy(registry, config, &session)?;
        let limit = common.limit.and_then(|limit| usize::try_from(limit).ok());
        if limit == Some(0) {
            return Err(usage("--limit is 0, but must be at least 1"));
        }
        let [train, eval] = match strategy.learns() {
            true => learning_tasks(config, limit)?,
            false => [Vec::new(), evaluation_tasks(config, limit)?],
        };
        let ray = ray_options(config)?;
        Ok(Self { config, session, ray, strategy, candidates, train, eval })
    }

    /// The models that it asks, their keys included.
    ///
    /// # Errors
    /// Names the model that cannot be made, with the remedy.
    fn models(&self) -> Result<ModelTable> {
        let models = self.session.models(&self.candidates)?;
        let models = self.session.with_models(models, &self.strategy.models())?;
        self.strategy.adapt(models)
    }

    /// What the strategy would be given, shown to `look` without asking a model.
    ///
    /// # Errors
    /// Names the model that cannot be made or the row that does not fit, or is that of `look`.
    pub(super) fn rehearse(&self, look: impl FnOnce(&Inputs<'_>) -> Result<()>) -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let store = Store::open(scratch.path().join("rehearsal.sqlite"))?;
        let engine = self.session.engine(dry_models(&self.models()?), store, CancellationToken::new())?;
        self.train.iter().chain(&self.eval).try_for_each(|task| engine.check_task(task))?;
        look(&Inputs { train: &self.train, ..Inputs::measuring(&engine, &self.eval) })
    }

    /// Runs the strategy, and keeps what it came to in `dir`.
    pub(super) fn run(self, dir: &RunDir, store: Store) -> Result<Done> {
        let stop = CancellationToken::new();
        let models = self.models()?;
        let engine = self.session.engine(models, store, stop.clone())?;
        self.train.iter().chain(&self.eval).try_for_each(|task| engine.check_task(task))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (engine, outcome) = runtime.block_on(self.housed(engine, &stop, dir))?;
        let outcome = outcome.map_err(|error| unfinished(error, engine.store(), dir))?;
        let metrics = engine.store().metrics()?;
        if !metrics.is_empty() {
            dir.write(METRICS, &report::json_lines(&metrics))?;
        }
        let path = dir.write_outcome(&serde_json::to_string_pretty(&outcome)?)?;
        // A run that was paid for is not lost because it cannot be drawn.
        let report = write_report(dir).inspect_err(show::error).ok();
        let report = report.map(|report| format!("{} and ", report.display())).unwrap_or_default();
        let records = engine.store().rollouts()?;
        Ok(Done {
            outcome,
            interrupted: stop.is_cancelled(),
            failures: report::failures(records.iter().map(|(_, record)| record)),
            spending: report::spending(&engine.spent()),
            kept: format!("kept in {report}{}", path.display()),
        })
    }

    /// Runs the strategy where rollouts are to run: in this process, or on a cluster that is joined before and left afterwards.
    async fn housed(
        &self,
        engine: Engine,
        stop: &CancellationToken,
        dir: &RunDir,
    ) -> Result<(Engine, Result<Outcome>)> {
        let Some(options) = &self.ray else {
            let outcome = self.watched(&engine, stop, dir).await;
            return Ok((engine, outcome));
        };
        let directory = std::path::absolute(dir.path())?;
        let fleet = remote::connect(options, &engine, &self.config.snapshot, &directory).await?;
        let engine = engine.with_executor(fleet.crew());
        let outcome = self.watched(&engine, stop, dir).await;
        fleet.disband().await;
        Ok((engine, outcome))
    }

    /// Runs the strategy; meanwhile shows the progress, and stops on Ctrl-C or when the time is up.
    async fn watched(&self, engine: &Engine, stop: &CancellationToken, dir: &RunDir) -> Result<Outcome> {
        let Self { config, session, strategy, train, eval, .. } = self;
        let workflow = session.workflow.meta.name;
        let monitors = Monitors::open(config, dir, engine.store(), workflow, strategy.learns()).await?;
        let inputs = Inputs { engine, train, eval, directory: dir.path(), monitor: &monitors };
        let outcome = tokio::select! {
            outcome = strategy.run(inputs) => outcome,
            never = progress::show(engine) => match never {},
            never = stop_when(stop, config.file.budget.time()) => match never {},
        };
        progress::done(engine);
        monitors.close(outcome.as_ref().is_ok_and(|outcome| outcome.stopped.is_none())).await;
        engine.store().flush().await?;
        outcome
    }
}

/// What ended a run from outside is mended there: then the rest of it can be had.
fn unfinished(error: Error, store: &Store, dir: &RunDir) -> Error {
    let from_outside = matches!(error.kind(), ErrorKind::Model(_) | ErrorKind::Io);
    if !from_outside || store.rollouts().is_ok_and(|kept| kept.is_empty()) {
        return error;
    }
    let message = format!(
        "the run is not complete; what is finished is kept: mend this and continue with `resume {}`",
        dir.path().display()
    );
    Error::new(error.kind(), message).with_source(error)
}

/// What a run came to.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    interrupted: bool,
    /// Lines for people.
    failures: String,
    spending: String,
    kept: String,
}

impl Done {
    pub(super) fn show(&self, format: Format) {
        match format {
            Format::Json => _ = show::json(&self.outcome),
            Format::Text => {
                show::line(&report::table(&self.outcome));
                if !self.failures.is_empty() {
                    show::line(&self.failures);
                }
                show::line(&self.spending);
                show::line(&self.kept);
            }
        }
    }

    /// How the program ends; a run that is not complete goes on by resuming what is in `dir`.
    pub(super) fn exit_code(&self, dir: &RunDir) -> ExitCode {
        if let Some(why) = &self.outcome.stopped {
            show::error(&Error::new(ErrorKind::Other, format!("the run is not complete: {why}")));
            show::note(&format!("continue with: resume {}", dir.path().display()));
            return if self.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE };
        }
        if is_decided(&self.outcome) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Whether a complete run found what it was to find.
pub(super) fn is_decided(outcome: &Outcome) -> bool {
    let scored = outcome.candidates.iter().any(|summary| summary.counts.scored > 0);
    scored && (outcome.candidates.len() < 2 || outcome.winner.is_some())
}

/// Stops the run on the first Ctrl-C, leaves at once on the second.
pub(in crate::cli) async fn stop_when(
    stop: &CancellationToken,
    time: Option<Duration>,
) -> std::convert::Infallible {
    let timer = async {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => show::note("stopping: answers under way are waited for and kept; Ctrl-C again leaves at once"),
        () = timer => show::note("the time of [budget] is up: answers under way are waited for and kept"),
    }
    stop.cancel();
    _ = tokio::signal::ctrl_c().await;
    workflow::kill_programs();
    std::process::exit(INTERRUPTED.into());
}
