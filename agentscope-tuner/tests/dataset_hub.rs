//! Datasets by name, from a hub on the loopback. The hub's client is configured by the environment, so each case runs
//! in a process of its own: this binary again, told by the environment what to do.
#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    env,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use agentscope_tuner::dataset::Dataset;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_test_token";

const FILES: [(&str, &str); 5] = [
    ("README.md", "---\nconfigs:\n- config_name: main\n  data_dir: main\n---\n"),
    ("main/test.jsonl", "{\"n\": 9}\n"),
    ("main/train-0.jsonl", "{\"n\": 0}\n{\"n\": 1}\n"),
    ("main/train-1.jsonl", "{\"n\": 2}\n"),
    ("other/x.jsonl", "{\"n\": 3}\n"),
];

/// Requests for file contents.
type Served = Arc<Mutex<Vec<String>>>;

fn refuse(status: StatusCode, code: &'static str) -> Response {
    let mut response = (status, Json(json!({ "error": code }))).into_response();
    response.headers_mut().insert("x-error-code", HeaderValue::from_static(code));
    response
}

/// `org/open` is for everybody, `org/private` for the holder of the token, and nothing else exists.
/// The refusal, if there is one.
fn refusal(name: &str, headers: &HeaderMap) -> Option<Response> {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    match name {
        "open" => None,
        "private" if token == Some(&format!("Bearer {TOKEN}")) => None,
        "private" => Some(refuse(StatusCode::UNAUTHORIZED, "GatedRepo")),
        _ => Some(refuse(StatusCode::NOT_FOUND, "RepoNotFound")),
    }
}

async fn info(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let shown = || Json(json!({ "id": format!("org/{name}"), "sha": COMMIT })).into_response();
    refusal(&name, &headers).unwrap_or_else(shown)
}

async fn tree(Path((name, revision)): Path<(String, String)>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&name, &headers) {
        return refusal;
    }
    assert_eq!(revision, COMMIT);
    let file =
        |(path, text): &(&str, &str)| json!({"type": "file", "oid": "0", "size": text.len(), "path": path});
    let mut entries: Vec<Value> = FILES.iter().map(file).collect();
    entries.push(json!({"type": "directory", "oid": "0", "size": 0, "path": "main"}));
    Json(entries).into_response()
}

async fn resolve(
    State(served): State<Served>,
    Path((name, revision, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refusal(&name, &headers) {
        return refusal;
    }
    assert_eq!(revision, COMMIT);
    let Some((_, text)) = FILES.iter().find(|(path, _)| *path == file) else {
        return refuse(StatusCode::NOT_FOUND, "EntryNotFound");
    };
    served.lock().unwrap().push(file.clone());
    let etag = format!("\"{}\"", file.replace('/', "-"));
    ([("etag", etag), ("x-repo-commit", COMMIT.to_owned())], *text).into_response()
}

async fn hub() -> (String, Served) {
    let served = Served::default();
    let app = Router::new()
        .route("/api/datasets/org/{name}", get(info))
        .route("/api/datasets/org/{name}/revision/{revision}", get(|| async { StatusCode::IM_A_TEAPOT }))
        .route("/api/datasets/org/{name}/tree/{revision}", get(tree))
        .route("/datasets/org/{name}/resolve/{revision}/{*file}", get(resolve))
        .with_state(served.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, served)
}

/// Runs [`reader`] in a process with this environment.
async fn read(
    endpoint: &str,
    home: &std::path::Path,
    dataset: &str,
    split: &str,
    token: Option<&str>,
) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["reader", "--exact", "--ignored", "--nocapture"]);
    for name in
        ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HTTP_PROXY", "http_proxy"]
    {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", endpoint).env("HF_HOME", home).env("DATASET", dataset).env("SPLIT", split);
    if let Some(token) = token {
        command.env("HF_TOKEN", token);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the processes do: prints the rows, or the error. Inside a runtime, because that is where users call it.
#[tokio::test]
#[ignore = "run by the other tests"]
async fn reader() {
    let dataset = Dataset::open(env::var("DATASET").unwrap()).unwrap().split(env::var("SPLIT").unwrap());
    match dataset.rows().and_then(|rows| rows.collect::<Result<Vec<_>, _>>()) {
        Ok(rows) => rows.iter().for_each(|row| println!("\n{} {} {}", row.id, row.origin, row.value)),
        Err(error) => println!("\n{:?}: {}", error.kind(), error.chain()),
    }
}

#[tokio::test]
async fn only_the_files_of_the_split_are_downloaded_and_kept() {
    let (endpoint, served) = hub().await;
    let home = tempfile::tempdir().unwrap();
    let first = text(&read(&endpoint, home.path(), "org/open", "train", None).await);
    for row in
        ["train/0 org/open/main/train-0.jsonl:1 {\"n\":0}", "train/2 org/open/main/train-1.jsonl:1 {\"n\":2}"]
    {
        assert!(first.contains(row), "{first}");
    }
    let mut asked: Vec<_> = std::mem::take(&mut *served.lock().unwrap());
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["README.md", "main/train-0.jsonl", "main/train-1.jsonl"]);
    assert!(home.path().join("hub/datasets--org--open").is_dir());

    let second = text(&read(&endpoint, home.path(), "org/open", "test", None).await);
    assert!(second.contains("test/0 org/open/main/test.jsonl:1 {\"n\":9}"), "{second}");
    let mut asked: Vec<_> = std::mem::take(&mut *served.lock().unwrap());
    asked.dedup();
    assert_eq!(asked, ["main/test.jsonl"]);
}

#[tokio::test]
async fn a_private_dataset_needs_the_token() {
    let (endpoint, _) = hub().await;
    let home = tempfile::tempdir().unwrap();
    for wrong in [None, Some("hf_wrong")] {
        let refused = text(&read(&endpoint, home.path(), "org/private", "test", wrong).await);
        assert!(refused.contains("Dataset: ") && refused.contains("set HF_TOKEN"), "{refused}");
        assert!(!refused.contains("hf_wrong"), "{refused}");
    }
    let read = text(&read(&endpoint, home.path(), "org/private", "test", Some(TOKEN)).await);
    assert!(read.contains("{\"n\":9}"), "{read}");
}

#[tokio::test]
async fn an_unknown_name_says_that_the_path_was_tried_too() {
    let (endpoint, _) = hub().await;
    let home = tempfile::tempdir().unwrap();
    let unknown = text(&read(&endpoint, home.path(), "org/absent", "train", None).await);
    assert!(unknown.contains("the hub has no dataset `org/absent`"), "{unknown}");
    assert!(unknown.contains("there is no file or directory `org/absent`"), "{unknown}");
    let offline = text(&read("http://127.0.0.1:9", home.path(), "org/open", "train", None).await);
    assert!(offline.contains("check the network and HF_ENDPOINT"), "{offline}");
}
