//! `serve` as a newcomer starts it, asked by plain HTTP and, where there is one, by the official `openai` package:
//! `OPENAI_PYTHON` names an interpreter that has it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;
use test_support::Listening;

const KEY: &str = "a-long-bearer-token";

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

#[test]
fn a_model_directory_is_served_to_those_who_have_the_token() {
    let model = model();
    let mut command = serve(model.path(), &["--listen", "127.0.0.1:0", "--token-env", "MY_TOKEN"]);
    let server = Listening::start(&mut command);
    let models = |key: &str| server.get("/v1/models", &[("Authorization", &format!("Bearer {key}"))]);
    // A model is served under the name of its directory.
    let name = model.path().file_name().unwrap().to_string_lossy();
    let shown = models(KEY);
    assert!(shown.starts_with("HTTP/1.1 200") && shown.contains(&format!("\"id\":\"{name}\"")), "{shown}");
    assert!(models("guessed").starts_with("HTTP/1.1 401"));
    assert!(server.get("/health", &[]).starts_with("HTTP/1.1 200"));
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
