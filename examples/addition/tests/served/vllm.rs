//! vLLM itself, where `VLLM` names its program: it samples, on a CPU, what is learnt here.
//!
//! How it is installed without a GPU is in `docs/weights.md`.

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use test_support::the_run;

use crate::{adapters, check_learnt, directory, program, tools, train};

/// How long the server may take to come up.
const PATIENCE: Duration = Duration::from_secs(300);

/// A server on loopback, for the model `tiny`. It ends with this.
struct Server {
    command: Command,
    process: Child,
    port: u16,
    /// Holds the model and what the server says.
    place: TempDir,
}

impl Server {
    /// None where `VLLM` is not set.
    #[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn start(arguments: &[&str]) -> Option<Self> {
        let Ok(vllm) = std::env::var("VLLM") else {
            eprintln!("skipped: VLLM names no program of vLLM");
            return None;
        };
        let place = tempfile::tempdir().unwrap();
        wide(&place.path().join("model"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = serve(&vllm, place.path(), port, arguments);
        let server = Self { process: command.spawn().unwrap(), command, port, place };
        server.wait();
        Some(server)
    }

    /// Ends it with its workers, which are of its group.
    fn kill(&mut self) {
        _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.process.id())]).status();
        _ = self.process.wait();
    }

    /// Starts it again, with the model that it was first started with.
    fn restart(&mut self) {
        self.process = self.command.spawn().unwrap();
        self.wait();
    }

    fn wait(&self) {
        let (began, health) = (Instant::now(), format!("http://127.0.0.1:{}/health", self.port));
        while !Command::new("curl").args(["-sf", &health]).status().unwrap().success() {
            let said = || fs::read_to_string(self.place.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "the server does not come up: {}", said());
            thread::sleep(Duration::from_millis(300));
        }
    }

    fn model(&self) -> PathBuf {
        self.place.path().join("model")
    }

    fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The models that it answers as.
    fn models(&self) -> usize {
        let done =
            Command::new("curl").args(["-sf", &format!("{}/models", self.base_url())]).output().unwrap();
        let all: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        all["data"].as_array().unwrap().len()
    }

    /// A training that this server samples.
    fn program(&self, runs: &Path, settings: &[&str]) -> Command {
        let mut command = program(runs, &self.base_url(), settings);
        command.arg("--set").arg(format!("models.tiny.path={}", self.model().display()));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(vllm: &str, place: &Path, port: u16, arguments: &[&str]) -> Command {
    let log = fs::File::create(place.join("log")).unwrap();
    let (model, port) = (place.join("model"), port.to_string());
    let mut command = Command::new(vllm);
    command
        .arg("serve")
        .arg(model)
        .args(["--served-model-name", "tiny", "--host", "127.0.0.1", "--port", &port])
        .args(["--dtype", "float32", "--enforce-eager", "--logprobs-mode", "processed_logprobs"])
        .args(["--enable-auto-tool-choice", "--tool-call-parser", "hermes"])
        // Where a prompt is read in parts, a CPU cannot draw with a seed (0.32).
        .args(["--max-num-batched-tokens", "40000"])
        .args(arguments)
        .env("VLLM_CPU_KVCACHE_SPACE", "1")
        .env("VLLM_SERVER_DEV_MODE", "1")
        .env("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "True")
        .env("VLLM_NO_USAGE_STATS", "1")
        .env("HF_HUB_OFFLINE", "1")
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0);
    command
}

/// The untrained model with three wide heads in the place of four: on a CPU, vLLM has no kernel for theirs.
fn wide(target: &Path) {
    fs::create_dir(target).unwrap();
    for entry in fs::read_dir(directory()).unwrap().flatten() {
        fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
    let path = target.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (name, value) in [("num_attention_heads", 3), ("num_key_value_heads", 3), ("head_dim", 32)] {
        config[name] = value.into();
    }
    fs::write(path, config.to_string()).unwrap();
}

/// A training in whose middle `happens` happens, which ends it; and that is resumed.
fn survives(server: &mut Server, settings: &[&str], happens: impl FnOnce(&mut Child, &mut Server)) {
    let runs = tempfile::tempdir().unwrap();
    let mut child =
        server.program(runs.path(), settings).arg("weights").stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    let is_there = || the_run(runs.path()).is_some_and(|run| run.join("checkpoints/step-000004").exists());
    while !is_there() {
        assert!(began.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "it has no middle");
        thread::sleep(Duration::from_millis(5));
    }
    happens(&mut child, server);
    let ended = child.wait_with_output().unwrap();
    let (code, said) = (ended.status.code(), String::from_utf8_lossy(&ended.stderr));
    assert!(code.is_none_or(|code| code != 0 && said.contains("`resume ")), "{said}");
    let run = the_run(runs.path()).unwrap();
    let done = server.program(runs.path(), settings).arg("resume").arg(&run).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("going on from step"), "{said}");
}

/// The program dies.
fn killed(program: &mut Child, _server: &mut Server) {
    program.kill().unwrap();
}

/// The server dies and comes again, without what it was given.
fn restarted(program: &mut Child, server: &mut Server) {
    server.kill();
    program.wait().unwrap();
    server.restart();
}

#[tokio::test(flavor = "multi_thread")]
async fn vllm_samples_what_a_whole_model_learns() {
    let Some(mut server) = Server::start(&[]) else { return };
    check_learnt(&train(&server.base_url(), &server.model(), None, 3e-3).await);
    tools::check_calls(&server.base_url(), &server.model());
    survives(&mut server, &[], killed);
    survives(&mut server, &["strategy.weights.staleness=1"], killed);
    survives(&mut server, &["models.served.max-retries=2"], restarted);
}

#[tokio::test(flavor = "multi_thread")]
async fn vllm_samples_what_adapters_learn() {
    let Some(mut server) = Server::start(&["--enable-lora", "--max-lora-rank", "16"]) else { return };
    check_learnt(&train(&server.base_url(), &server.model(), Some(adapters()), 1e-2).await);
    let rank = "strategy.weights.lora.rank=8";
    survives(&mut server, &[rank], killed);
    survives(&mut server, &[rank, "models.served.max-retries=2"], restarted);
    assert_eq!(server.models(), 1, "adapters stayed behind");
}
