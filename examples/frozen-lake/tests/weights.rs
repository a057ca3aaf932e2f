//! A short training of many-turn games, and what a walker at random comes to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::Path, process::Command};

use serde_json::Value;
use test_support::outcome;

fn frozen_lake(runs: &Path, arguments: &[&str]) -> Value {
    let directory = format!("run.directory={}", runs.display());
    let output = Command::new(env!("CARGO_BIN_EXE_frozen-lake"))
        .args(arguments)
        .args(["--set", &directory])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    outcome(&runs.join("latest"))
}

#[test]
fn a_few_steps_show_a_gain() {
    let runs = tempfile::tempdir().unwrap();
    let few = ["--steps", "10", "--set", "strategy.weights.batch-size=8"];
    let trained = frozen_lake(runs.path(), &[&["weights"][..], &few].concat());
    let gain = &trained["comparisons"][0]["difference"];
    assert!(gain["low"].as_f64().unwrap() > 0.0, "{gain}");

    let stumbling = frozen_lake(runs.path(), &["eval", "--set", "slots.cross.model=stumbler"]);
    let reward = stumbling["candidates"][0]["reward"]["mean"].as_f64().unwrap();
    assert!(reward < 0.05, "{reward}");
}
