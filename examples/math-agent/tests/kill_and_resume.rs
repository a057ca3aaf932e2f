//! The real program is killed at random points of a `select` and resumed: nothing that was committed is paid again, and
//! the result is that of an uninterrupted run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::Path, process::Command, time::Duration};

use agentscope_tuner::seed;
use serde_json::Value;
use test_support::{Endpoint, Kills, outcome, solved};

#[test]
fn a_killed_run_resumes_to_the_same_result_and_pays_nothing_twice() {
    let endpoint = Endpoint::start(Duration::from_millis(20), in_short, answer);
    let kills = Kills {
        begin: &|runs| select(runs, endpoint.base_url()),
        resume: &|_, run| resume(run, endpoint.base_url()),
        times: 20,
        seed: 7,
    };
    let resumed = kills.compare(
        |run| (outcome(run), endpoint.take().len()),
        |killed| {
            let before = endpoint.take().len();
            (before, endpoint.committed(&killed.run))
        },
        |(expected, calls), (before, committed), killed| {
            let after = endpoint.take();
            let again: Vec<_> = after.iter().filter(|request| committed.contains(*request)).collect();
            assert!(again.is_empty(), "paid twice: {again:?}");
            let share = killed.share;
            assert_eq!(after.len() + committed.len(), *calls, "killed at {share:.2}, after {before} calls");
            assert_eq!(outcome(&killed.run), *expected, "killed at {share:.2}");
        },
    );
    assert!(resumed >= 10, "only {resumed} kills hit a run");
}

/// The model, and the last thing said.
fn in_short(model: &str, messages: &[Value]) -> String {
    format!("{model} {}", messages.last().unwrap()["content"].as_str().unwrap())
}

fn answer(asked: &str) -> String {
    let skill = if asked.contains("small") { 0.5 } else { 0.9 };
    let right = seed::unit(1, "right", [asked.as_bytes()]) < skill;
    if right { format!("The answer is {}", solved(asked).unwrap()) } else { "I do not know".to_owned() }
}

fn program(base_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for model in ["small", "medium", "large"] {
        command.arg("--set").arg(format!("models.{model}.provider=openai"));
        command.arg("--set").arg(format!("models.{model}.base-url={base_url}"));
    }
    command
}

fn select(runs: &Path, base_url: &str) -> Command {
    let mut command = program(base_url);
    command.args(["--limit", "60", "--concurrency", "8", "select"]).arg("--set");
    command.arg(format!("run.directory={}", runs.display()));
    command
}

fn resume(run: &Path, base_url: &str) -> Command {
    let mut command = program(base_url);
    command.arg("resume").arg(run);
    command
}
