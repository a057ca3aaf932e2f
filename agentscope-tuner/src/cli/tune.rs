//! The verbs that run a strategy: over configured rows, kept in a run directory.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    INTERRUPTED,
    args::{Common, Format},
    command::Command,
    monitor::Monitors,
    progress, show, usage,
};
use crate::{
    candidate::Candidate,
    config::Config,
    error::{Error, ErrorKind, Result},
    registry::Registry,
    report,
    rollout::{
        Engine, Store, Task,
        remote::{self, RayOptions},
    },
    strategy::{Inputs, Outcome, Strategy},
    tuner::{
        CONFIG, DIRECTORY, RunDir, Session, configuration, evaluation_tasks, learning_tasks, ray_options,
        write_report,
    },
    workflow,
};

/// Keys of the store's facts.
const COMMAND: &str = "command";
const LIMIT: &str = "limit";
/// The numbers of all steps, as lines of JSON.
const METRICS: &str = "metrics.jsonl";

/// Begins a new run.
pub(super) fn start(
    registry: &Registry,
    config: &Config,
    common: &Common,
    command: &Command,
) -> Result<ExitCode> {
    // Everything that can be wrong is found before a directory is made.
    let drive = Drive::prepare(registry, config, common, command)?;
    let dir = RunDir::create(&Session::runs(config), command.verb())?;
    let store = Store::open(dir.store())?;
    remember(&store, config, common, command)?;
    drive.run(&dir, store)
}

/// Continues the run in `dir`.
pub(super) fn proceed(common: &Common, dir: &RunDir) -> Result<ExitCode> {
    let store = Store::open(dir.store())?;
    let fact = |key: &str| {
        store.meta(key)?.ok_or_else(|| {
            let message = format!("{} was killed before it began: start it again", dir.path().display());
            Error::new(ErrorKind::Store, message)
        })
    };
    let command: Command = serde_json::from_str(&fact(COMMAND)?).map_err(|error| {
        Error::new(ErrorKind::Store, "the run's command cannot be read").with_source(error)
    })?;
    let config = configuration(&store, dir.path(), &common.overrides())?;
    let registry = Registry::builder().linked().entries(config.workflows()).build()?;
    let common = &Common { limit: fact(LIMIT)?.parse().ok(), ..common.clone() };
    Drive::prepare(&registry, &config, common, &command)?.run(dir, store)
}

fn remember(store: &Store, config: &Config, common: &Common, command: &Command) -> Result<()> {
    let json = serde_json::to_string(command)
        .map_err(|error| Error::new(ErrorKind::Store, "the command cannot be kept").with_source(error))?;
    let directory = std::path::absolute(&config.directory).unwrap_or_else(|_| config.directory.clone());
    let directory = if config.directory == Path::new("") { std::env::current_dir()? } else { directory };
    store.put_meta(COMMAND, &json)?;
    store.put_meta(CONFIG, &config.snapshot)?;
    store.put_meta(DIRECTORY, &directory.to_string_lossy())?;
    store.put_meta(LIMIT, &common.limit.map(|limit| limit.to_string()).unwrap_or_default())?;
    store.flush_blocking()
}

/// A command with all that it needs.
struct Drive<'a> {
    config: &'a Config,
    common: &'a Common,
    session: Session<'a>,
    /// The cluster that rollouts run on, if any.
    ray: Option<RayOptions>,
    strategy: Box<dyn Strategy>,
    candidates: Vec<Candidate>,
    train: Vec<Arc<Task>>,
    eval: Vec<Arc<Task>>,
}

impl<'a> Drive<'a> {
    fn prepare(
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
        Ok(Self { config, common, session, ray, strategy, candidates, train, eval })
    }

    fn run(self, dir: &RunDir, store: Store) -> Result<ExitCode> {
        let stop = CancellationToken::new();
        let models = self.session.models(&self.candidates)?;
        let models = self.session.with_models(models, &self.strategy.models())?;
        let models = self.strategy.adapt(models)?;
        let engine = self.session.engine(models, store, stop.clone())?;
        self.train.iter().chain(&self.eval).try_for_each(|task| engine.check_task(task))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (engine, outcome) = runtime.block_on(self.housed(engine, &stop, dir))?;
        let outcome = outcome?;
        let metrics = engine.store().metrics()?;
        if !metrics.is_empty() {
            dir.write(METRICS, &report::json_lines(&metrics))?;
        }
        let json = serde_json::to_string_pretty(&outcome)?;
        let path = dir.write_outcome(&json)?;
        // A run that was paid for is not lost because it cannot be drawn.
        let report = write_report(dir).inspect_err(show::error).ok();
        match self.common.format() {
            Format::Json => show::line(&json),
            Format::Text => {
                show::line(&report::table(&outcome));
                show_failures(&engine)?;
                show::line(&report::spending(&engine.spent()));
                let report = report.map(|report| format!("{} and ", report.display())).unwrap_or_default();
                show::line(&format!("kept in {report}{}", path.display()));
            }
        }
        Ok(exit_code(&outcome, &stop, dir))
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
        let (table, workflow) = (&config.file.monitor, session.workflow.meta.name);
        let monitors = Monitors::open(table, dir, engine.store(), workflow, strategy.learns()).await?;
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

fn show_failures(engine: &Engine) -> Result<()> {
    let records = engine.store().rollouts()?;
    let failures = report::failures(records.iter().map(|(_, record)| record));
    if !failures.is_empty() {
        show::line(&failures);
    }
    Ok(())
}

/// Stops the run on the first Ctrl-C, leaves at once on the second.
pub(super) async fn stop_when(stop: &CancellationToken, time: Option<Duration>) -> std::convert::Infallible {
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

fn exit_code(outcome: &Outcome, stop: &CancellationToken, dir: &RunDir) -> ExitCode {
    if let Some(why) = &outcome.stopped {
        show::error(&Error::new(ErrorKind::Other, format!("the run is not complete: {why}")));
        show::note(&format!("continue with: resume {}", dir.path().display()));
        return if stop.is_cancelled() { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE };
    }
    let scored = outcome.candidates.iter().any(|summary| summary.counts.scored > 0);
    let decided = outcome.candidates.len() < 2 || outcome.winner.is_some();
    if scored && decided { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
