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

#[tokio::test]
async fn the_service_answers_with_the_model_that_was_chosen() {
    let place = workplace();
    let early = library_use(place.path(), "serve").output().unwrap();
    assert!(!early.status.success() && String::from_utf8_lossy(&early.stderr).contains("there are none"));

    let tuned = library_use(place.path(), "tune").output().unwrap();
    let said = String::from_utf8_lossy(&tuned.stdout);
    assert!(said.contains("large is best"), "{said}{}", String::from_utf8_lossy(&tuned.stderr));

    let service = Listening::start(&mut library_use(place.path(), "serve"));
    let client = reqwest::Client::new();
    let post = |task| client.post(format!("http://{}/solve", service.address)).json(&task).send();
    let answer = post(json!({ "question": "20 + 22" })).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "42");
    assert!(post(json!({ "sum": 7 })).await.unwrap().status().is_client_error());
}
