//! `rollout`: the unit that other engines distribute. Lines of JSON say what to run, lines of JSON say what came of it.

mod line;
mod source;
mod work;

use std::{io::Write as _, process::ExitCode, sync::Arc};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(super) use self::work::work;
use self::{
    line::{Fault, Lines},
    source::{Given, read_stdin},
};
use super::{
    INTERRUPTED,
    args::{Common, RolloutOptions},
    show,
    tune::stop_when,
};
use crate::{
    candidate::Candidate,
    config::Config,
    error::{Error, ErrorKind, Result},
    registry::Registry,
    rollout::{Engine, Job, ModelTable, Record, Store},
    tuner::Session,
};

/// What is known of a line.
#[derive(Serialize)]
struct Finished<'a> {
    /// Its number in the input, from 1.
    line: usize,
    #[serde(flatten)]
    record: &'a Record,
}

/// Why nothing is known of a line.
#[derive(Serialize)]
struct Unfinished<'a> {
    line: usize,
    /// `invalid` where the line has to be written differently, `stopped` where the run ended before.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    error: String,
}

/// How a line ended: its number, and what the engine says.
type Ended = (usize, Result<Arc<Record>>);

pub(super) fn rollout(
    registry: &Registry,
    config: &Config,
    common: &Common,
    options: &RolloutOptions,
) -> Result<ExitCode> {
    let session = Session::prepare(registry, config)?;
    let (models, unusable) = models(&session, config)?;
    let scratch = tempfile::tempdir()?;
    let store = options.store.clone().unwrap_or_else(|| scratch.path().join("rollout.sqlite"));
    let stop = CancellationToken::new();
    let engine = session.engine(models, Store::open(store)?, stop.clone())?;
    engine.judges_alone("each line is a rollout of its own")?;
    let limit = common.limit.and_then(|limit| usize::try_from(limit).ok());
    let lines = Lines::new(registry, config, &session, unusable, limit);
    let mut run =
        Run { engine: &engine, lines, stop: stop.clone(), invalid: false, stopped: None, closed: false };
    let given = read_stdin(engine.concurrency());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = run.drive(given) => done,
            never = stop_when(&stop, config.file.budget.time()) => match never {},
        }
    })?;
    Ok(run.exit_code())
}

/// Every configured model, since a line may name any; those that cannot be had are told when a line does.
fn models(session: &Session<'_>, config: &Config) -> Result<(ModelTable, Vec<(String, String)>)> {
    let mut table = session.models(&[Candidate::configured()])?;
    let mut unusable = Vec::new();
    for name in config.file.models.keys() {
        if table.names().any(|known| known == name) {
            continue;
        }
        match session.with_models(table.clone(), std::slice::from_ref(name)) {
            Ok(more) => table = more,
            Err(error) => unusable.push((name.clone(), error.chain())),
        }
    }
    Ok((table, unusable))
}

struct Run<'a> {
    engine: &'a Engine,
    lines: Lines<'a>,
    stop: CancellationToken,
    /// Whether a line was none.
    invalid: bool,
    /// What ended the run.
    stopped: Option<Error>,
    /// Whether nobody reads any more.
    closed: bool,
}

impl Run<'_> {
    /// Runs lines as they come, as many at once as the engine takes, and writes what came of each as it ends.
    async fn drive(&mut self, mut given: mpsc::Receiver<Given>) -> Result<()> {
        let mut running = FuturesUnordered::new();
        let mut more = true;
        while !self.closed && (more || !running.is_empty()) {
            let room = more && running.len() < self.engine.concurrency() && !self.stop.is_cancelled();
            tokio::select! {
                given = given.recv(), if room => match given {
                    None => more = false,
                    Some(given) => match self.job(given) {
                        Some((line, job)) => running.push(one(self.engine, line, job)),
                        None => self.invalid = true,
                    },
                },
                Some(ended) = running.next() => self.end(ended)?,
                () = self.stop.cancelled(), if more => more = false,
            }
        }
        Ok(())
    }

    /// What a line asks for; a line that asks for nothing that can be run is answered at once.
    fn job(&mut self, given: Given) -> Option<(usize, Job)> {
        let line = given.line;
        match self.lines.job(self.engine, given) {
            Ok(job) => Some((line, job)),
            Err(Fault { field, message }) => {
                let field = field.as_deref();
                self.write(&Unfinished { line, status: "invalid", field, error: message });
                None
            }
        }
    }

    /// Tells how a line ended.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]: nothing more can be kept.
    fn end(&mut self, (line, result): Ended) -> Result<()> {
        let error = match result {
            Ok(record) => {
                self.write(&Finished { line, record: &record });
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Store => return Err(error),
            Err(error) => error,
        };
        let status = match error.kind() {
            ErrorKind::Config => {
                self.invalid = true;
                "invalid"
            }
            _ => "stopped",
        };
        self.write(&Unfinished { line, status, field: None, error: error.chain() });
        if status == "stopped" {
            self.stop.cancel();
            self.stopped.get_or_insert(error);
        }
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) {
        let mut out = std::io::stdout().lock();
        let written = serde_json::to_writer(&mut out, line).map_err(std::io::Error::from);
        if written.and_then(|()| writeln!(out)).and_then(|()| out.flush()).is_err() {
            self.closed = true;
        }
    }

    fn exit_code(&self) -> ExitCode {
        match &self.stopped {
            Some(error) if error.kind() != ErrorKind::Cancelled => {
                show::error(error);
                ExitCode::FAILURE
            }
            _ if self.stop.is_cancelled() => ExitCode::from(INTERRUPTED),
            _ if self.invalid => ExitCode::from(2),
            _ => ExitCode::SUCCESS,
        }
    }
}

async fn one(engine: &Engine, line: usize, job: Job) -> Ended {
    let result = engine.run([job], |_| {}).await.and_then(|run| match (run.records.first(), run.stopped) {
        (Some(record), _) => Ok(Arc::clone(record)),
        (None, Some(error)) => Err(error),
        (None, None) => Err(Error::new(ErrorKind::Other, "the rollout left no record")),
    });
    (line, result)
}
