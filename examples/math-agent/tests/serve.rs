//! `serve` as a newcomer starts it, asked by plain HTTP and, where there is one, by the official `openai` package:
//! `OPENAI_PYTHON` names an interpreter that has it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

const KEY: &str = "a-long-bearer-token";

struct Server {
    process: Child,
    /// `host:port`.
    address: String,
    /// Under which the model is served: that of its directory.
    name: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// A tiny random checkpoint, made by transformers, with room for 2,000 tokens.
fn model() -> TempDir {
    let fixtures = "../../agentscope-tuner-policy/tests/fixtures/models/qwen2";
    let copy = tempfile::tempdir().unwrap();
    for file in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(fixtures)).unwrap().map(Result::unwrap)
    {
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let config = copy.path().join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["max_position_embeddings"] = 2000.into();
    fs::write(config, json.to_string()).unwrap();
    copy
}

fn serve(model: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.args(["serve", "--path"]).arg(model).args(more).env("MY_TOKEN", KEY);
    command
}

fn start() -> Server {
    let model = model();
    let mut command = serve(model.path(), &["--listen", "127.0.0.1:0", "--token-env", "MY_TOKEN"]);
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line =
        lines.map(Result::unwrap).find_map(|line| line.strip_prefix("listening at ").map(str::to_owned));
    let address = line.unwrap().trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let name = model.path().file_name().unwrap().to_string_lossy().into_owned();
    Server { process, address, name }
}

fn get(address: &str, path: &str, key: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_model_directory_is_served_to_those_who_have_the_token() {
    let server = start();
    let models = get(&server.address, "/v1/models", KEY);
    assert!(
        models.starts_with("HTTP/1.1 200") && models.contains(&format!("\"id\":\"{}\"", server.name)),
        "{models}"
    );
    assert!(get(&server.address, "/v1/models", "guessed").starts_with("HTTP/1.1 401"));
    assert!(get(&server.address, "/health", "").starts_with("HTTP/1.1 200"));
    if let Ok(python) = std::env::var("OPENAI_PYTHON") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/openai_client.py");
        let url = format!("http://{}/v1", server.address);
        let output = Command::new(python).args([script, &url, KEY]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.stdout.starts_with(b"ok"), "{errors}");
    }
}

#[test]
fn an_open_port_without_a_token_is_refused() {
    let output = serve(model().path(), &["--listen", "0.0.0.0:0"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("demand a token"), "{errors}");
}
