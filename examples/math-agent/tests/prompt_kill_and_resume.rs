//! The real program is killed at random points of a `prompt` and resumed: the winner, every candidate and the spending are
//! those of an uninterrupted run, to the byte.

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

const KILLS: u64 = 12;
const BUDGET: &str = "320";
/// What the coach may find; each makes slips rarer.
const ADVICE: [&str; 3] = ["Read every number twice.", "Write the sum down.", "Check the result."];

type Requests = Arc<Mutex<Vec<String>>>;

#[test]
fn a_killed_tuning_resumes_to_the_same_prompt_and_pays_nothing_twice() {
    let requests = Requests::default();
    let base_url = endpoint(Arc::clone(&requests));
    let whole = tempfile::tempdir().unwrap();
    let began = Instant::now();
    assert!(tune(whole.path(), &base_url).wait().unwrap().success());
    let took = began.elapsed();
    let expected = left(whole.path());
    assert!(expected[0].contains("better than the seed"), "{}", expected[0]);
    assert!(
        expected[1].lines().count() > 4 && ADVICE.iter().any(|advice| expected[2].contains(advice)),
        "{expected:#?}"
    );
    let calls = take(&requests).len();
    assert!(calls <= BUDGET.parse().unwrap());

    let mut resumed_runs = 0;
    for kill in 0..KILLS {
        let runs = tempfile::tempdir().unwrap();
        let mut child = tune(runs.path(), &base_url);
        let share = seed::unit(9, "kill", [&kill.to_le_bytes()[..]]);
        thread::sleep(took.mul_f64(share));
        child.kill().unwrap();
        child.wait().unwrap();
        take(&requests);
        let Some(run) = the_run(runs.path()) else { continue };
        let committed = committed(&run);

        let mut resume = program(&base_url);
        resume.stderr(Stdio::piped()).args(["resume".as_ref(), run.as_os_str()]);
        let resumed = resume.output().unwrap();
        let said = String::from_utf8_lossy(&resumed.stderr);
        if said.contains("killed before it began") {
            assert!(committed.is_empty());
            continue;
        }
        assert!(resumed.status.success(), "{said}");
        let after = take(&requests);
        let again: Vec<_> = after.iter().filter(|request| committed.contains(*request)).collect();
        assert!(again.is_empty(), "paid twice: {again:?}");
        assert_eq!(after.len() + committed.len(), calls, "killed at {share:.2}");
        assert_eq!(left(runs.path()), expected, "killed at {share:.2}");
        resumed_runs += 1;
    }
    assert!(resumed_runs >= KILLS / 2, "only {resumed_runs} kills hit a run");
}

/// An endpoint with a model that heeds advice and a coach that gives some. It remembers what it was asked.
fn endpoint(requests: Requests) -> String {
    async fn answer(State(requests): State<Requests>, Json(request): Json<Value>) -> Json<Value> {
        let asked = asked(&request["model"], &request["messages"]);
        let content = if asked.starts_with("coach") { coach(&asked) } else { solve(&asked) };
        requests.lock().unwrap().push(asked);
        tokio::time::sleep(Duration::from_millis(15)).await;
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

/// Repeats the text that it was shown with one piece of advice more.
fn coach(asked: &str) -> String {
    let text = asked.split("```").nth(1).unwrap_or_default().trim();
    let advice = ADVICE[(seed::draw(2, "advice", [asked.as_bytes()]) % 3) as usize];
    format!("I suggest:\n```\n{text}\n{advice}\n```")
}

fn solve(asked: &str) -> String {
    let skill = 0.3 + ADVICE.iter().filter(|advice| asked.contains(*advice)).count() as f64 * 0.2;
    let problem = asked.lines().last().unwrap_or_default();
    let right = seed::unit(1, "right", [asked.as_bytes()]) < skill;
    let numbers: Vec<i64> =
        problem.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    let [a, b] = numbers[..] else { return "I cannot count this".to_owned() };
    let result = match problem {
        text if text.contains("each") => a * b,
        text if text.contains("gives away") => a - b,
        _ => a + b,
    };
    if right { format!("The answer is {result}") } else { "I do not know".to_owned() }
}

/// A request in short: the model, and all that was said.
fn asked(model: &Value, messages: &Value) -> String {
    let texts =
        messages.as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap().to_owned());
    std::iter::once(model.as_str().unwrap().to_owned()).chain(texts).collect::<Vec<_>>().join("\n")
}

fn program(base_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for (model, name) in [("medium", "medium"), ("coach", "coach")] {
        for setting in ["provider=openai".to_owned(), format!("name={name}"), format!("base-url={base_url}")]
        {
            command.arg("--set").arg(format!("models.{model}.{setting}"));
        }
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn tune(runs: &Path, base_url: &str) -> Child {
    let mut command = program(base_url);
    command.args(["--limit", "60", "--concurrency", "8", "prompt", "--proposer", "coach"]);
    for setting in [format!("run.directory={}", runs.display()), format!("budget.calls={BUDGET}")] {
        command.arg("--set").arg(setting);
    }
    command.spawn().unwrap()
}

fn the_run(runs: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path());
    let run = entries.into_iter().find(|path| path.is_dir() && !path.is_symlink())?;
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

/// What a run leaves: the outcome without how long calls took, every candidate, the prompt.
fn left(runs: &Path) -> [String; 3] {
    let run = the_run(runs).unwrap();
    let read = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    let mut outcome: Value = serde_json::from_str(&read("outcome.json")).unwrap();
    for candidate in outcome["candidates"].as_array_mut().unwrap() {
        candidate.as_object_mut().unwrap().remove("latency");
    }
    [outcome.to_string(), read("candidates.jsonl"), read("best/solve.system.txt")]
}
