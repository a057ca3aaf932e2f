//! What the benches share: an endpoint in a process of its own, a bare loop over reqwest, and the engine.

// Each bench uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use agentscope_tuner::{
    candidate::{Candidate, SlotPath, SlotValue},
    judge::Judge as _,
    model::ModelSpec,
    prelude::*,
    rollout::{Engine, Job, ModelTable, Options, PricedModel, Setup, Store, Task},
    workflow::Workflow as _,
};
use axum::serve::ListenerExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Set in the child that is the endpoint: milliseconds that it waits before each answer.
const SERVE: &str = "BENCH_SERVE_DELAY_MS";

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"The answer is 42"},"finish_reason":"stop"}],"usage":{"prompt_tokens":40,"completion_tokens":5,"total_tokens":45}}"#;

#[derive(Clone, Deserialize)]
struct MathTask {
    question: String,
    answer: String,
}

/// One model call by a ReAct agent.
#[workflow]
async fn solve(
    task: MathTask,
    model: Model,
    #[prompt("You are a helpful math assistant.")] system: Prompt,
) -> Result<Msg> {
    ReActAgent::new(model).system(system).reply(Msg::user(task.question)).await
}

/// 1 when the last word is the reference answer.
#[judge]
async fn exact_match(task: &MathTask, response: &Msg) -> bool {
    response.text().split_whitespace().last() == Some(task.answer.as_str())
}

/// An endpoint in a child process, so that its work and memory are not counted as ours.
pub struct Endpoint {
    child: Child,
    pub base_url: String,
}

impl Endpoint {
    /// Starts this very program again as an endpoint that answers after `delay`.
    pub fn start(delay: Duration) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .env(SERVE, delay.as_millis().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the endpoint starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        Self { child, base_url: format!("http://{}/v1", line.trim()) }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It may be gone already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Call first in `main`: in the child, serves until killed.
pub fn serve_if_asked() {
    let Ok(delay) = std::env::var(SERVE) else { return };
    let delay = Duration::from_millis(delay.parse().expect("a number of milliseconds"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("an address"));
        let answer = axum::routing::post(move || async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            ([("content-type", "application/json")], ANSWER)
        });
        let router = axum::Router::new().route("/v1/chat/completions", answer);
        // Without it, answers wait for the acknowledgement of their headers.
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        axum::serve(listener, router).await.expect("it serves");
    });
    std::process::exit(0);
}

/// `calls` requests by reqwest alone, `concurrency` at once: the answer is read as JSON and nothing else is done.
pub async fn bare(base_url: &str, calls: usize, concurrency: usize) -> Duration {
    let client = reqwest::Client::builder().pool_max_idle_per_host(concurrency).build().expect("a client");
    let url = format!("{base_url}/chat/completions");
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let started = Instant::now();
    let workers: Vec<_> = (0..concurrency)
        .map(|_| {
            let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let call = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if call >= calls {
                        return;
                    }
                    let body = json!({"model": "m", "messages": [
                        {"role": "system", "content": "You are a helpful math assistant."},
                        {"role": "user", "content": question(call)},
                    ]});
                    let answer: Value =
                        client.post(&url).json(&body).send().await.expect("sent").json().await.expect("read");
                    assert!(answer["choices"][0]["message"]["content"].is_string());
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("a worker ends");
    }
    started.elapsed()
}

/// `calls` rollouts of `solve` and `exact_match` through the engine, journal on.
pub async fn engine(base_url: &str, calls: usize, concurrency: usize) -> Duration {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = new_engine(base_url, concurrency, &directory);
    let tasks: Vec<_> = (0..calls)
        .map(|call| {
            let value = json!({"question": question(call), "answer": "42"});
            Arc::new(Task { id: format!("bench/{call}"), value })
        })
        .collect();
    let jobs = Job::grid(&[Arc::new(Candidate::configured())], &tasks, 1);
    let started = Instant::now();
    let run = engine.run(jobs, |_| {}).await.expect("the run ends");
    let took = started.elapsed();
    assert!(run.stopped.is_none(), "{:?}", run.stopped);
    assert_eq!(run.records.iter().filter_map(|record| record.reward).sum::<f64>(), calls as f64);
    took
}

/// Time that this process has spent on processors; zero where the system does not say.
pub fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the program's name; a tick is 10 ms on Linux.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// The most memory that this process ever held, as Linux counts it.
pub fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown on this system".to_owned(), |size| size.trim().to_owned())
}

fn new_engine(base_url: &str, concurrency: usize, directory: &tempfile::TempDir) -> Engine {
    let spec = ModelSpec {
        base_url: Some(base_url.to_owned()),
        concurrency: Some(concurrency),
        ..ModelSpec::new("openai", "m")
    };
    let model = PricedModel::from(spec.build(&|_| None).expect("a model"));
    Engine::new(Setup {
        workflow: solve::ENTRY,
        judge: Some(exact_match::ENTRY.into()),
        models: ModelTable::default().with("m", model),
        slots: BTreeMap::from([(SlotPath::new("solve", "model"), SlotValue::model("m"))]),
        options: Options { concurrency, ..Options::default() },
        store: Store::open(directory.path().join("run.sqlite")).expect("a store"),
        stop: CancellationToken::new(),
    })
    .expect("an engine")
}

fn question(call: usize) -> String {
    format!("Eva has {call} marbles and gets 91 more. How many marbles does Eva have now?")
}
