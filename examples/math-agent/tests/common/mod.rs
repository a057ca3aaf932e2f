//! The program over an endpoint that knows some answers, and counts its calls.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::{path::Path, process::Command, time::Duration};

use agentscope_tuner::seed;
use serde_json::Value;
use test_support::{Endpoint, solved};

/// An endpoint whose models are right in half of the rows (`small`) or in nine of ten; each call takes `pause`.
pub(crate) fn endpoint(pause: Duration) -> Endpoint {
    Endpoint::start(pause, in_short, answer)
}

/// The program, with its three models at `base_url`.
pub(crate) fn program(base_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for model in ["small", "medium", "large"] {
        command.arg("--set").arg(format!("models.{model}.provider=openai"));
        command.arg("--set").arg(format!("models.{model}.base-url={base_url}"));
    }
    command
}

/// A selection over `rows` rows, so many at once, with its run below `runs`.
pub(crate) fn select(base_url: &str, runs: &Path, rows: u32, concurrency: u32) -> Command {
    let mut command = program(base_url);
    command.args(["--limit", &rows.to_string(), "--concurrency", &concurrency.to_string(), "select"]);
    command.arg("--set").arg(format!("run.directory={}", runs.display()));
    command
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
