//! The README's first command: the embedded model learns to work problems out, and the gain is measured.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

fn math_agent(runs: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1").args(arguments);
    command.arg("--set").arg(format!("run.directory={}", runs.display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn outcome(runs: &Path) -> Value {
    serde_json::from_slice(&fs::read(runs.join("latest/outcome.json")).unwrap()).unwrap()
}

#[test]
fn training_gains_fifty_points_that_others_can_use() {
    let runs = tempfile::tempdir().unwrap();
    let shown = math_agent(runs.path(), &["weights", "--steps", "40"]);
    assert!(shown.contains("is better than the model it began with: +0."), "{shown}");
    let outcome = outcome(runs.path());
    let gain = &outcome["comparisons"][0]["difference"];
    assert!(gain["low"].as_f64().unwrap() > 0.3, "{gain}");
    assert!(outcome["confirmed"]["mean"].as_f64().unwrap() > 0.9, "{outcome}");

    // The checkpoint is a model directory like any other.
    let best = runs.path().canonicalize().unwrap().join("latest/best");
    let trained = format!("models.tiny-medium.path={}", best.display());
    let again = tempfile::tempdir().unwrap();
    let slot = ["--set", "slots.solve.model=tiny-medium", "--set", &trained];
    math_agent(again.path(), &[&["--limit", "60", "eval"][..], &slot].concat());
    let reward = self::outcome(again.path())["candidates"][0]["reward"]["mean"].as_f64().unwrap();
    assert!(reward > 0.85, "{reward}");
}

#[test]
fn the_prompt_decides_how_well_the_embedded_model_does() {
    let mean = |prompt: &str| {
        let runs = tempfile::tempdir().unwrap();
        let system = format!("slots.solve.system={prompt}");
        let model = ["--set", "slots.solve.model=tiny-medium", "--set", &system];
        math_agent(runs.path(), &[&["--limit", "100", "eval"][..], &model].concat());
        outcome(runs.path())["candidates"][0]["reward"]["mean"].as_f64().unwrap()
    };
    let plain = mean("You are a helpful math assistant.");
    let worked_out = mean("You are a helpful math assistant. Think step by step.");
    assert!(worked_out > plain + 0.15, "{plain} and {worked_out}");
}
