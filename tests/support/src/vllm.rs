//! A server that speaks as vLLM's documentation says, and answers from the weights that it is given.

mod answer;
mod asked;
#[cfg(test)]
mod tests;
mod weights;

use std::{
    collections::BTreeMap,
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use agentscope_tuner::{
    model::{ChatModel as _, embedded::Embedded},
    policy::engine::EngineSettings,
};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// It is as it should be.
    #[default]
    None,
    /// It knows no `return_token_ids`.
    NoTokenIds,
    /// It returns no log-probabilities.
    NoLogprobs,
    /// Its token ids are beyond the model's.
    OtherVocabulary,
    /// It renders conversations otherwise.
    OtherTemplate,
    /// It was started without a parser of tool calls.
    NoTools,
    /// It was started without the settings that let weights be changed.
    Fixed,
    /// It renders all conversations otherwise but the one that it is tried with.
    OtherArguments,
    /// It spells earlier answers of the model otherwise.
    OtherCalls,
    /// It says that it has taken new weights, and keeps the old ones.
    Forgetful,
    /// It is started again whenever it was tried.
    Restarted,
}

/// What it is tried with.
const TRIAL: &str = "1+1=";

/// A server on loopback, for the model `tiny`.
#[derive(Clone, Debug)]
pub struct Vllm {
    base_url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    base: Embedded,
    adapters: Mutex<BTreeMap<String, Embedded>>,
    flaw: Flaw,
    paused: watch::Sender<bool>,
    told: Mutex<Vec<String>>,
}

type Server = State<Arc<Shared>>;

impl Vllm {
    /// Serves the Hugging Face directory.
    pub fn start(directory: &Path, flaw: Flaw) -> Self {
        let base = Embedded::open("tiny", directory, &EngineSettings::default()).unwrap();
        let (adapters, told) = Default::default();
        let (directory, paused) = (directory.to_owned(), watch::Sender::new(false));
        let shared = Arc::new(Shared { directory, base, adapters, flaw, paused, told });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = router(&shared);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { base_url, shared }
    }

    /// Where it is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The adapters that it has.
    pub fn adapters(&self) -> Vec<String> {
        self.shared.adapters.lock().unwrap().keys().cloned().collect()
    }

    /// What it was told to do with weights since the last call of this, each as a word.
    pub fn take(&self) -> Vec<String> {
        mem::take(&mut *self.shared.told.lock().unwrap())
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new().route("/v1/chat/completions", post(answer::chat));
    if shared.flaw != Flaw::Fixed {
        router = router
            .route("/v1/load_lora_adapter", post(load))
            .route("/v1/unload_lora_adapter", post(unload))
            .route("/pause", post(pause))
            .route("/collective_rpc", post(rpc))
            .route("/resume", post(resume));
    }
    let missing = || async { (StatusCode::NOT_FOUND, Json(json!({ "detail": "Not Found" }))) };
    router.fallback(missing).with_state(Arc::clone(shared))
}

impl Shared {
    fn tell(&self, what: &str) {
        self.told.lock().unwrap().push(what.to_owned());
    }
}

async fn load(State(shared): Server, Json(body): Json<Value>) -> Response {
    let [name, path] = ["lora_name", "lora_path"].map(|field| body[field].as_str().unwrap_or_default());
    if shared.adapters.lock().unwrap().contains_key(name) {
        let message = format!("The lora adapter '{name}' has already been loaded.");
        return refusal(StatusCode::BAD_REQUEST, "InvalidUserInput", &message);
    }
    let model = Embedded::open(name, &shared.directory, &EngineSettings::default()).unwrap();
    if shared.flaw != Flaw::Forgetful {
        match weights::with_adapter(&shared.directory, Path::new(path)) {
            Ok(weights) => model.update(&weights).await.unwrap(),
            Err(_) => {
                let message = format!("Loading lora {name} failed: No adapter found for {path}");
                return refusal(StatusCode::NOT_FOUND, "NotFoundError", &message);
            }
        }
    }
    shared.adapters.lock().unwrap().insert(name.to_owned(), model);
    shared.tell("load");
    format!("Success: LoRA adapter '{name}' added successfully.").into_response()
}

async fn unload(State(shared): Server, Json(body): Json<Value>) -> Response {
    let name = body["lora_name"].as_str().unwrap_or_default();
    if shared.adapters.lock().unwrap().remove(name).is_none() {
        let message = format!("The lora adapter '{name}' cannot be found.");
        return refusal(StatusCode::NOT_FOUND, "NotFoundError", &message);
    }
    shared.tell("unload");
    format!("Success: LoRA adapter '{name}' removed successfully.").into_response()
}

async fn pause(State(shared): Server) -> Json<Value> {
    shared.paused.send_replace(true);
    shared.tell("pause");
    Json(json!({ "status": "paused" }))
}

async fn resume(State(shared): Server) -> Json<Value> {
    shared.paused.send_replace(false);
    shared.tell("resume");
    Json(json!({ "status": "resumed" }))
}

async fn rpc(State(shared): Server, Json(body): Json<Value>) -> Response {
    let path = body["kwargs"]["weights_path"].as_str().unwrap_or_default();
    assert_eq!((&body["method"], *shared.paused.borrow()), (&json!("reload_weights"), true));
    let Ok(weights) = weights::of(Path::new(path)) else {
        let message = format!("Cannot find any model weights with `{path}`");
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &message);
    };
    if shared.flaw != Flaw::Forgetful {
        shared.base.update(&weights).await.unwrap();
    }
    shared.tell("reload");
    Json(json!({ "results": [null] })).into_response()
}

/// Forgets all that it was given since it was started.
async fn restart(shared: &Shared) {
    shared.adapters.lock().unwrap().clear();
    shared.base.update(&weights::of(&shared.directory).unwrap()).await.unwrap();
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    let error = json!({ "message": message, "type": kind, "param": null, "code": status.as_u16() });
    (status, Json(json!({ "error": error }))).into_response()
}

/// The model of this name, once the server is not paused.
async fn model(shared: &Shared, name: &str) -> Option<Embedded> {
    shared.paused.subscribe().wait_for(|paused| !*paused).await.unwrap();
    let adapter = shared.adapters.lock().unwrap().get(name).cloned();
    adapter.or_else(|| (name == shared.base.id().name).then(|| shared.base.clone()))
}
