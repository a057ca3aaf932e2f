//! A server that speaks as vLLM's does, shaped after its documentation and what its sources answer: chat completions with
//! exact tokens, adapters that are loaded while it runs, weights that are read again. What it answers comes from a real
//! policy with the weights that it was told to read, so a trainer that hands over the wrong ones is found out.

mod chat;
mod weights;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use self::weights::Served;

/// What a server lacks, or does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    #[default]
    None,
    /// It is older than `return_token_ids`.
    WithoutTokens,
    /// It was started without the permission to change what it serves.
    Fixed,
    /// It says that it read new weights, and did not.
    Deaf,
}

/// The server, on loopback.
#[derive(Clone, Debug)]
pub struct Vllm {
    base_url: String,
    desk: Arc<Desk>,
}

/// Its name for the model that it was started with.
const MODEL: &str = "policy";

#[derive(Debug)]
struct Desk {
    directory: PathBuf,
    flaw: Flaw,
    client: reqwest::Client,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    /// None while its memory is given back.
    base: Option<Served>,
    adapters: BTreeMap<String, Served>,
    /// Whether there is room for keys and values.
    awake: bool,
    /// The models that were asked, in the order of the first question to each.
    asked: Vec<String>,
}

impl Vllm {
    /// Serves the Hugging Face model in `directory`.
    pub fn start(directory: &Path, flaw: Flaw) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (directory, client) = (directory.to_owned(), reqwest::Client::new());
        let desk = Arc::new(Desk { directory, flaw, client, now: Mutex::default() });
        let router = router(Arc::clone(&desk));
        let (ready, is_ready) = std::sync::mpsc::channel();
        let begun = Arc::clone(&desk);
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                let base = Served::read(&begun.directory, None).await.unwrap();
                *begun.now() = Now { base: Some(base), awake: true, ..Now::default() };
                ready.send(()).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        is_ready.recv().unwrap();
        Self { base_url, desk }
    }

    /// Where it is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The adapters that it serves now.
    pub fn adapters(&self) -> Vec<String> {
        self.desk.now().adapters.keys().cloned().collect()
    }

    /// The models that were asked, in the order of the first question to each.
    pub fn asked(&self) -> Vec<String> {
        self.desk.now().asked.clone()
    }

    /// Settings of a program that samples its rollouts here.
    pub fn settings(&self) -> Vec<String> {
        vec![
            "models.served.provider=vllm".into(),
            format!("models.served.name={MODEL}"),
            format!("models.served.base-url={}", self.base_url),
            "strategy.weights.sampler.model=served".into(),
        ]
    }
}

impl Desk {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap()
    }
}

fn router(desk: Arc<Desk>) -> Router {
    let routes =
        Router::new().route("/v1/chat/completions", post(chat::complete)).route("/v1/models", get(models));
    let changing = Router::new()
        .route("/v1/load_lora_adapter", post(load))
        .route("/v1/unload_lora_adapter", post(unload))
        .route("/sleep", post(sleep))
        .route("/wake_up", post(wake_up))
        .route("/collective_rpc", post(collective_rpc));
    let routes = if desk.flaw == Flaw::Fixed { routes } else { routes.merge(changing) };
    routes.fallback(async || (StatusCode::NOT_FOUND, Json(json!({"detail": "Not Found"})))).with_state(desk)
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response {
    let error = json!({"message": message, "type": kind, "param": null, "code": status.as_u16()});
    (status, Json(json!({"error": error}))).into_response()
}

async fn models(State(desk): State<Arc<Desk>>) -> Json<Value> {
    let card = |id: &str, parent: Option<&str>| json!({"id": id, "object": "model", "created": 1, "owned_by": "vllm", "root": id, "parent": parent});
    let now = desk.now();
    let adapters = now.adapters.keys().map(|name| card(name, Some(MODEL)));
    Json(
        json!({"object": "list", "data": std::iter::once(card(MODEL, None)).chain(adapters).collect::<Vec<_>>()}),
    )
}

async fn load(State(desk): State<Arc<Desk>>, Json(body): Json<Value>) -> Response {
    let (Some(name), Some(path)) = (body["lora_name"].as_str(), body["lora_path"].as_str()) else {
        let message = "Both 'lora_name' and 'lora_path' must be provided.";
        return refused(StatusCode::BAD_REQUEST, "InvalidUserInput", message);
    };
    if desk.now().adapters.contains_key(name) {
        let message = format!("The lora adapter '{name}' has already been loaded.");
        return refused(StatusCode::BAD_REQUEST, "InvalidUserInput", &message);
    }
    let adapter = (desk.flaw != Flaw::Deaf).then(|| Path::new(path));
    match Served::read(&desk.directory, adapter).await {
        Ok(served) => {
            desk.now().adapters.insert(name.to_owned(), served);
            format!("Success: LoRA adapter '{name}' added successfully.").into_response()
        }
        Err(_) => {
            let message = format!("Loading lora {name} failed: No adapter found for {path}");
            refused(StatusCode::NOT_FOUND, "NotFoundError", &message)
        }
    }
}

async fn unload(State(desk): State<Arc<Desk>>, Json(body): Json<Value>) -> Response {
    let name = body["lora_name"].as_str().unwrap_or_default();
    match desk.now().adapters.remove(name) {
        Some(_) => format!("Success: LoRA adapter '{name}' removed successfully.").into_response(),
        None => {
            let message = format!("The lora adapter '{name}' cannot be found.");
            refused(StatusCode::NOT_FOUND, "NotFoundError", &message)
        }
    }
}

async fn sleep(State(desk): State<Arc<Desk>>, Query(asked): Query<BTreeMap<String, String>>) -> StatusCode {
    let mut now = desk.now();
    now.awake = false;
    if asked.get("level").is_some_and(|level| level == "2") && desk.flaw != Flaw::Deaf {
        now.base = None;
    }
    StatusCode::OK
}

async fn wake_up(State(desk): State<Arc<Desk>>, Query(asked): Query<BTreeMap<String, String>>) -> StatusCode {
    if asked.get("tags").is_none_or(|tag| tag == "kv_cache") {
        desk.now().awake = true;
    }
    StatusCode::OK
}

async fn collective_rpc(State(desk): State<Arc<Desk>>, Json(body): Json<Value>) -> Response {
    if body["method"] != "reload_weights" {
        return refused(StatusCode::BAD_REQUEST, "BadRequestError", "Missing 'method' in request body");
    }
    if desk.flaw != Flaw::Deaf {
        match Served::read(&desk.directory, None).await {
            Ok(base) => desk.now().base = Some(base),
            Err(message) => {
                return refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &message);
            }
        }
    }
    Json(json!({"results": [null]})).into_response()
}
