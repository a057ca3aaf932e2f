//! A model endpoint that remembers what it was asked.

use std::{
    collections::BTreeSet,
    mem,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};

/// How long a request may be on its way over loopback.
const SETTLING: Duration = Duration::from_millis(50);

/// An OpenAI-compatible endpoint on loopback. What it is asked is kept in short: the model and the last thing said, or
/// whatever the test tells requests apart by.
#[derive(Clone, Debug)]
pub struct Endpoint {
    base_url: String,
    behaviour: Arc<Behaviour>,
}

#[derive(Debug)]
struct Behaviour {
    pause: Duration,
    /// From the model's name and the messages.
    in_short: fn(&str, &[Value]) -> String,
    answer: fn(&str) -> String,
    asked: Mutex<Vec<String>>,
}

impl Endpoint {
    /// Listens. Each request is told by `in_short`, and answered by `answer` after `pause`.
    pub fn start(
        pause: Duration,
        in_short: fn(&str, &[Value]) -> String,
        answer: fn(&str) -> String,
    ) -> Self {
        let behaviour = Arc::new(Behaviour { pause, in_short, answer, asked: Mutex::default() });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router =
            Router::new().route("/v1/chat/completions", post(reply)).with_state(Arc::clone(&behaviour));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { base_url, behaviour }
    }

    /// Where it is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What it was asked since the last call of this.
    pub fn take(&self) -> Vec<String> {
        mem::take(&mut *self.behaviour.asked.lock().unwrap())
    }

    /// The same, once nothing is on its way any more that a program has sent before it was killed.
    pub fn settled(&self) -> Vec<String> {
        let mut all = self.take();
        loop {
            thread::sleep(SETTLING);
            let more = self.take();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    /// The calls that the store of `run` holds an answer to, as this endpoint tells them.
    pub fn committed(&self, run: &Path) -> BTreeSet<String> {
        self.committed_in(&run.join("run.sqlite"))
    }

    /// The same, of a store by itself.
    pub fn committed_in(&self, store: &Path) -> BTreeSet<String> {
        let store = rusqlite::Connection::open(store).unwrap();
        let Ok(mut statement) = store.prepare("SELECT model, request FROM call") else {
            return BTreeSet::new();
        };
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(|row| {
            let (model, request): (String, String) = row.unwrap();
            let request: Value = serde_json::from_str(&request).unwrap();
            let model = model.strip_prefix("openai:").unwrap();
            (self.behaviour.in_short)(model, request["messages"].as_array().unwrap())
        })
        .collect()
    }
}

async fn reply(State(behaviour): State<Arc<Behaviour>>, Json(request): Json<Value>) -> Json<Value> {
    let messages = request["messages"].as_array().unwrap();
    let asked = (behaviour.in_short)(request["model"].as_str().unwrap(), messages);
    let message = json!({"role": "assistant", "content": (behaviour.answer)(&asked)});
    behaviour.asked.lock().unwrap().push(asked);
    tokio::time::sleep(behaviour.pause).await;
    let usage = json!({"prompt_tokens": 40, "completion_tokens": 5, "total_tokens": 45});
    Json(json!({"id": "c", "object": "chat.completion", "created": 1, "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}))
}
