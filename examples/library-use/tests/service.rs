//! The service as it is used: tuned, started, asked.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command};

use serde_json::json;
use test_support::Listening;

fn library_use(directory: &Path, verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_library-use"));
    command.current_dir(directory).arg(verb);
    command
}

/// A directory with the example's data, in which runs can be left.
fn workplace() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("data")).unwrap();
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/test.jsonl");
    fs::copy(rows, place.path().join("data/test.jsonl")).unwrap();
    place
}

/// What the README says that the command which begins so answers; and the command.
fn documented(beginning: &str) -> (&'static str, &'static str) {
    let mut lines = include_str!("../README.md").lines();
    let command =
        lines.by_ref().find_map(|line| line.strip_prefix("$ ").filter(|it| it.starts_with(beginning)));
    (command.unwrap(), lines.next().unwrap())
}

#[tokio::test]
async fn the_service_answers_with_the_model_that_was_chosen() {
    let place = workplace();
    let early = library_use(place.path(), "serve").output().unwrap();
    assert!(!early.status.success() && String::from_utf8_lossy(&early.stderr).contains("there are none"));

    let tuned = library_use(place.path(), "tune").output().unwrap();
    let (_, said) = documented("cargo run -p library-use -- tune");
    assert_eq!(String::from_utf8_lossy(&tuned.stdout).trim_end(), said);

    let service = Listening::start(&mut library_use(place.path(), "serve"));
    let (curl, said) = documented("curl");
    let answer =
        Command::new("sh").arg("-c").arg(curl.replace("ADDRESS", &service.address)).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout), said, "{}", String::from_utf8_lossy(&answer.stderr));

    let client = reqwest::Client::new();
    let wrong = client.post(format!("http://{}/solve", service.address)).json(&json!({ "sum": 7 }));
    assert!(wrong.send().await.unwrap().status().is_client_error());
}
