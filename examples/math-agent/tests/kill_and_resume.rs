//! The real program is killed at random points of a `select` and resumed: nothing that was committed is paid again, and
//! the result is that of an uninterrupted run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use agentscope_tuner::seed;
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};

const KILLS: u64 = 20;
const ROWS: &str = "60";

type Requests = Arc<Mutex<Vec<String>>>;

#[test]
fn a_killed_run_resumes_to_the_same_result_and_pays_nothing_twice() {
    let requests = Requests::default();
    let base_url = endpoint(Arc::clone(&requests));
    let whole = tempfile::tempdir().unwrap();
    let began = Instant::now();
    assert!(select(whole.path(), &base_url).wait().unwrap().success());
    let took = began.elapsed();
    let expected = outcome(whole.path());
    let calls = take(&requests).len();

    for kill in 0..KILLS {
        let runs = tempfile::tempdir().unwrap();
        let mut child = select(runs.path(), &base_url);
        let share = seed::unit(7, "kill", [&kill.to_le_bytes()[..]]);
        thread::sleep(took.mul_f64(share));
        child.kill().unwrap();
        child.wait().unwrap();
        // What the endpoint was asked before the kill, and the part of it that was committed.
        let before = take(&requests).len();
        let Some(run) = the_run(runs.path()) else { continue };
        let committed = committed(&run);

        let mut resume = program(&base_url);
        resume.stderr(Stdio::piped()).args(["resume".as_ref(), run.as_os_str()]);
        let resumed = resume.output().unwrap();
        if String::from_utf8_lossy(&resumed.stderr).contains("killed before it began") {
            assert!(committed.is_empty());
            continue;
        }
        assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
        let after = take(&requests);
        let again: Vec<_> = after.iter().filter(|request| committed.contains(*request)).collect();
        assert!(again.is_empty(), "paid twice: {again:?}");
        assert_eq!(after.len() + committed.len(), calls, "killed at {share:.2}, after {before} calls");
        assert_eq!(outcome(runs.path()), expected, "killed at {share:.2}");
    }
}

/// An endpoint that remembers which models it was asked what, and needs a moment for each answer.
fn endpoint(requests: Requests) -> String {
    async fn answer(State(requests): State<Requests>, Json(request): Json<Value>) -> Json<Value> {
        let asked = asked(&request["model"], &request["messages"]);
        let skill = if asked.contains("small") { 0.5 } else { 0.9 };
        let right = seed::unit(1, "right", [asked.as_bytes()]) < skill;
        let content =
            if right { format!("The answer is {}", solved(&asked)) } else { "I do not know".to_owned() };
        requests.lock().unwrap().push(asked);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let message = json!({"role": "assistant", "content": content});
        let usage = json!({"prompt_tokens": 40, "completion_tokens": 5, "total_tokens": 45});
        Json(json!({"id": "c", "object": "chat.completion", "created": 1, "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}))
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(requests);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    format!("http://{address}/v1")
}

/// The answer to a problem of the example's dataset.
fn solved(problem: &str) -> i64 {
    let words = problem.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<i64> = words.filter_map(|word| word.parse().ok()).collect();
    match problem {
        text if text.contains("each") => numbers[0] * numbers[1],
        text if text.contains("gives away") => numbers[0] - numbers[1],
        _ => numbers[0] + numbers[1],
    }
}

/// A request in short: the model, and the last thing said.
fn asked(model: &Value, messages: &Value) -> String {
    let last = messages.as_array().and_then(|messages| messages.last());
    let content = last.map(|message| &message["content"]).unwrap_or(&Value::Null);
    format!("{} {}", model.as_str().unwrap(), content.as_str().unwrap())
}

fn program(base_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for model in ["small", "medium", "large"] {
        command.arg("--set").arg(format!("models.{model}.provider=openai"));
        command.arg("--set").arg(format!("models.{model}.base-url={base_url}"));
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn select(runs: &Path, base_url: &str) -> Child {
    let mut command = program(base_url);
    command.args(["--limit", ROWS, "--concurrency", "8", "select"]).arg("--set");
    command.arg(format!("run.directory={}", runs.display()));
    command.spawn().unwrap()
}

fn the_run(runs: &Path) -> Option<PathBuf> {
    let run = fs::read_dir(runs)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_dir() && !path.is_symlink())?;
    run.join("run.sqlite").is_file().then_some(run)
}

/// The answered calls in the store, as the endpoint counts them.
fn committed(run: &Path) -> BTreeSet<String> {
    let store = rusqlite::Connection::open(run.join("run.sqlite")).unwrap();
    let Ok(mut statement) = store.prepare("SELECT model, request FROM call") else { return BTreeSet::new() };
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(|row| {
        let (model, request) = row.unwrap();
        let request: Value = serde_json::from_str(&request).unwrap();
        asked(&json!(model.strip_prefix("openai:").unwrap()), &request["messages"])
    })
    .collect()
}

fn take(requests: &Requests) -> Vec<String> {
    std::mem::take(&mut *requests.lock().unwrap())
}

/// The outcome without what may differ: how long calls took.
fn outcome(runs: &Path) -> Value {
    let run = the_run(runs).unwrap();
    let mut outcome: Value =
        serde_json::from_str(&fs::read_to_string(run.join("outcome.json")).unwrap()).unwrap();
    for candidate in outcome["candidates"].as_array_mut().unwrap() {
        candidate.as_object_mut().unwrap().remove("latency");
    }
    outcome
}
