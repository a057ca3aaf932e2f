//! `worker`: the annotated functions as the environment of another engine's training. One HTTP call is one rollout.

use std::{process::ExitCode, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    INTERRUPTED,
    args::{Common, Format, WorkerOptions},
    serve::token,
    show, usage,
};
use crate::{
    candidate::Candidate,
    config::Config,
    error::{Error, ErrorKind, Result},
    gateway::{Body, Failure, demanding, serve},
    model::{Model, Sampling, openai},
    registry::Registry,
    rollout::{Job, PricedModel, Record, Store, Task},
    tuner::Session,
    workflow::{SlotRole, kill_all},
};

/// Under this name the given model stands among those of the run.
const GIVEN: &str = "given";

/// What all requests share.
struct Shared {
    registry: Registry,
    config: Config,
    places: Semaphore,
}

/// One rollout to be made. It holds a key, so it is never shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The row.
    task: Value,
    /// Id of the row, for log and seeds.
    #[serde(default)]
    id: Option<String>,
    /// Which of several runs of the row.
    #[serde(default)]
    attempt: u32,
    /// An OpenAI-compatible endpoint.
    base_url: String,
    /// Its key, if it wants one.
    #[serde(default)]
    key: Option<String>,
    /// The model there.
    model: String,
    /// How it samples, where the workflow does not say.
    #[serde(default)]
    sampling: Sampling,
    /// The slot that it fills; the only one of a model when not given.
    #[serde(default)]
    slot: Option<String>,
    /// The workflow, where there are several.
    #[serde(default)]
    workflow: Option<String>,
    /// The judge, where several fit.
    #[serde(default)]
    judge: Option<String>,
}

/// Serves until Ctrl-C.
pub(super) fn worker(
    registry: Registry,
    config: Config,
    common: &Common,
    options: &WorkerOptions,
) -> Result<ExitCode> {
    check(&config)?;
    let token = token(&options.token_env)?;
    let concurrency = config.file.run.concurrency.unwrap_or(crate::rollout::Options::default().concurrency);
    let shared = Arc::new(Shared { registry, config, places: Semaphore::new(concurrency) });
    let routes = Router::new().route("/rollout", post(rollout)).with_state(shared);
    let router = demanding(token, routes).route("/health", get(|| async { "ok" }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            let message = format!("cannot listen on {}; is another server there?", options.listen);
            Error::new(ErrorKind::Io, message).with_source(error)
        })?;
        let url = format!("http://{}/rollout", listener.local_addr()?);
        match common.format() {
            Format::Json => show::json(&serde_json::json!({ "url": url }))?,
            Format::Text => show::line(&format!("listening at {url}")),
        }
        let stop = CancellationToken::new();
        let interrupted = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                show::note("stopping: rollouts under way are finished; Ctrl-C again leaves at once");
                interrupted.cancel();
                _ = tokio::signal::ctrl_c().await;
                kill_all();
                std::process::exit(INTERRUPTED.into());
            }
        });
        serve(listener, router, stop).await;
        Ok::<_, Error>(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Bounds that a server without an end cannot keep are refused, rather than passed over.
fn check(config: &Config) -> Result<()> {
    let (budget, limits) = (&config.file.budget, &config.file.limits);
    if *budget != Default::default() {
        return Err(usage(
            "a worker has no end, so it cannot keep [budget]: remove it, and bound each rollout under [limits]",
        ));
    }
    if limits.usd.is_some() {
        return Err(usage(
            "what the given model costs is unknown, so limits.usd cannot be kept: limit calls or tokens",
        ));
    }
    Ok(())
}

async fn rollout(State(shared): State<Arc<Shared>>, Body(body): Body) -> Result<Json<Record>, Failure> {
    let mut json = serde_json::Deserializer::from_slice(&body);
    let asked: Asked = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        Failure::invalid(format!("the body asks for no rollout, at `{}`: {}", error.path(), error.inner()))
    })?;
    // The semaphore is never closed.
    let _place = shared.places.acquire().await;
    shared.run(asked).await.map(Json).map_err(|error| match error.kind() {
        ErrorKind::Usage | ErrorKind::Config | ErrorKind::Task => Failure::invalid(error.chain()),
        _ => Failure::from(error),
    })
}

impl Shared {
    /// One rollout in a run of its own: nothing is remembered, so that a model that has learnt is asked anew.
    async fn run(&self, asked: Asked) -> Result<Record> {
        let mut config = self.config.clone();
        config.file.workflow = asked.workflow.clone().or(config.file.workflow);
        config.file.judge = asked.judge.clone().or(config.file.judge);
        let session = Session::prepare(&self.registry, &config)?;
        let slot = session.slot(SlotRole::Model, asked.slot.as_deref())?;
        let session = session.with_given(slot, GIVEN, asked.given()?);
        let models = session.models(&[])?;
        let scratch = tempfile::tempdir()?;
        let store = Store::open(scratch.path().join("rollout.sqlite"))?;
        let engine = session.engine(models, store, CancellationToken::new())?;
        let task = Arc::new(Task { id: asked.id.unwrap_or_else(|| "given".to_owned()), value: asked.task });
        engine.judges_alone("each request is a rollout of its own")?;
        engine.check_task(&task)?;
        let job = Job { candidate: Arc::new(Candidate::configured()), task, attempt: asked.attempt };
        let run = engine.run([job], |_| {}).await?;
        match (run.records.into_iter().next(), run.stopped) {
            // Its calls are in a store that goes away.
            (Some(record), _) => Ok(Record { calls: Vec::new(), ..(*record).clone() }),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::new(ErrorKind::Other, "the rollout left no record")),
        }
    }
}

impl Asked {
    fn given(&self) -> Result<PricedModel> {
        // Without a key, this program's own must not be sent to where others say.
        let key = self.key.as_deref().unwrap_or("none");
        let model: Model = openai(&self.model).base_url(&self.base_url).api_key(key).build()?;
        Ok(model.with_sampling(self.sampling.clone()).into())
    }
}
