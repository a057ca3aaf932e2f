//! With a staleness, batches are sampled by older weights, at most so many steps old.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, process::Command};

use serde_json::Value;

/// The numbers of each step of a short training with these settings.
fn trained(settings: &[&str]) -> Vec<Value> {
    let runs = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("weights");
    let common = [
        "dataset.eval.limit=8",
        "strategy.weights.steps=6",
        "strategy.weights.batch-size=4",
        "strategy.weights.eval-interval=6",
        "strategy.weights.learning-rate=1e-3",
        "strategy.weights.warm-start.steps=150",
    ];
    common.iter().chain(settings).for_each(|setting| _ = command.args(["--set", setting]));
    command.arg("--set").arg(format!("run.directory={}", runs.path().display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run = fs::read_dir(runs.path()).unwrap().map(|entry| entry.unwrap().path());
    let run = run.filter(|path| !path.is_symlink()).last().unwrap();
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let steps = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    steps.filter(|step| step.get("rollouts/staleness").is_some()).collect()
}

fn numbers(steps: &[Value], name: &str) -> Vec<f64> {
    steps.iter().filter_map(|step| step[name].as_f64()).collect()
}

#[test]
fn what_a_step_learns_from_is_as_old_as_it_may_be() {
    let name = "rollouts/staleness";
    assert_eq!(numbers(&trained(&[]), name), [0.0; 6]);
    let steps = trained(&["strategy.weights.staleness=2"]);
    assert_eq!(numbers(&steps, name), [0.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
    // What older weights sampled, newer ones find more or less likely; a batch of their own they do not.
    let gap = numbers(&steps, "sampling/sampling_logp_difference/max");
    assert!(gap[0] < 1e-3 && gap[1..].iter().all(|gap| *gap > 1e-2), "{gap:?}");
}

#[test]
fn a_staleness_brings_its_correction() {
    let capped = trained(&["strategy.weights.staleness=1", "strategy.weights.importance-cap=2.0"]);
    let usual = trained(&["strategy.weights.staleness=1"]);
    assert_eq!(numbers(&capped, "loss"), numbers(&usual, "loss"));
    let loose = trained(&["strategy.weights.staleness=1", "strategy.weights.importance-cap=1.001"]);
    assert_ne!(numbers(&loose, "loss"), numbers(&usual, "loss"), "{usual:?}");
}
