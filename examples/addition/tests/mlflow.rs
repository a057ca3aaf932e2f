//! A training whose numbers go to a real MLflow server, killed and resumed.
//!
//! Runs with `MLFLOW=venv/bin/mlflow`, from `pip install mlflow`; without it the test says so and is skipped.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use test_support::the_run;

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn a_real_server_has_every_number_once() {
    let Ok(program) = std::env::var("MLFLOW") else {
        eprintln!("skipped: set MLFLOW to the program of that name, as `pip install mlflow` brings it");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(&program, place.path());
    let runs = place.path().join("runs");
    let mut child = weights(&runs, &server.url).spawn().unwrap();
    // Half of the steps, as the run's own store has them.
    let waited = Instant::now();
    while steps(&runs) < 10 && waited.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let run = the_run(&runs).unwrap();
    let mut resume = program_of_the_example();
    assert!(resume.arg("resume").arg(&run).stdout(Stdio::null()).status().unwrap().success());

    let found = server.post("runs/search", &json!({ "experiment_ids": [server.experiment()] }));
    let [one] = &found["runs"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!(one["info"]["status"], "FINISHED");
    let parameter = |key: &str| {
        let all = one["data"]["params"].as_array().unwrap();
        all.iter().find(|one| one["key"] == key).map(|one| one["value"].clone())
    };
    assert_eq!(parameter("strategy.weights.steps"), Some(json!("20")));
    for name in ["reward", "loss", "tokens/trained"] {
        let id = one["info"]["run_id"].as_str().unwrap();
        let sent = server.history(id, name);
        assert_eq!(sent, kept(&run, name), "{name}");
    }
}

/// What the run itself keeps: step and value.
fn kept(run: &Path, name: &str) -> Vec<(u64, f64)> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| Some((line["step"].as_u64()?, line[name].as_f64()?))).collect()
}

/// How many steps a run that goes on has behind it.
fn steps(runs: &Path) -> usize {
    let events = the_run(runs).map(|run| run.join("checkpoints"));
    events.and_then(|path| fs::read_dir(path).ok()).map_or(0, |entries| 5 * entries.count())
}

fn program_of_the_example() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::null());
    command
}

fn weights(runs: &Path, url: &str) -> Command {
    let mut command = program_of_the_example();
    command.arg("weights").stdout(Stdio::null());
    let runs = format!("run.directory={}", runs.display());
    let url = format!("monitor.mlflow.url={url}");
    let small = [
        "dataset.eval.limit=8",
        "strategy.weights.steps=20",
        "strategy.weights.warm-start.steps=120",
        "strategy.weights.batch-size=4",
        "strategy.weights.save-interval=5",
    ];
    for setting in small.into_iter().chain([&*runs, &*url]) {
        command.args(["--set", setting]);
    }
    command
}

/// The tracking server, which ends with the test.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(program: &str, place: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let store = format!("sqlite:///{}", place.join("mlflow.db").display());
        let process = Command::new(program)
            .args(["server", "--host", "127.0.0.1", "--port", &port.to_string(), "--workers", "1"])
            .args(["--backend-store-uri", &store, "--artifacts-destination"])
            .arg(place.join("artifacts"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while !server.answers() {
            assert!(began.elapsed() < Duration::from_secs(120), "the server does not come up");
            thread::sleep(Duration::from_millis(300));
        }
        server
    }

    fn answers(&self) -> bool {
        curl(&[&format!("{}/health", self.url)]).is_some_and(|text| text.contains("OK"))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/2.0/mlflow/{path}", self.url);
        let text = curl(&["-H", "Content-Type: application/json", "-d", &body.to_string(), &url]).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The experiment, which is called after the workflow.
    fn experiment(&self) -> Value {
        let url = format!("{}/api/2.0/mlflow/experiments/get-by-name?experiment_name=mental", self.url);
        let found: Value = serde_json::from_str(&curl(&[&url]).unwrap()).unwrap();
        found["experiment"]["experiment_id"].clone()
    }

    /// What the server has of a metric, each step once: one that was sent before and after a kill has equal values.
    fn history(&self, run: &str, metric: &str) -> Vec<(u64, f64)> {
        let path = format!("{}/api/2.0/mlflow/metrics/get-history", self.url);
        let asked = [format!("run_id={run}"), format!("metric_key={metric}")];
        let text =
            curl(&["-G", &path, "--data-urlencode", &asked[0], "--data-urlencode", &asked[1]]).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        let number = |one: &Value| (one["step"].as_u64().unwrap(), one["value"].as_f64().unwrap());
        let mut numbers: Vec<_> = found["metrics"].as_array().unwrap().iter().map(number).collect();
        numbers.sort_by(|one, other| one.partial_cmp(other).unwrap());
        numbers.dedup();
        numbers
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = Command::new("pkill").args(["-P", &self.process.id().to_string()]).status();
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn curl(arguments: &[&str]) -> Option<String> {
    let output = Command::new("curl").arg("-s").args(arguments).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}
