//! The real program is killed at random points of a `prompt` and resumed: the winner, every candidate and the spending are
//! those of an uninterrupted run, to the byte.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command, time::Duration};

use agentscope_tuner::seed;
use serde_json::Value;
use test_support::{Endpoint, Kills, outcome, solved};

const KILLS: u64 = 12;
const BUDGET: usize = 320;
/// What the coach may find; each makes slips rarer.
const ADVICE: [&str; 3] = ["Read every number twice.", "Write the sum down.", "Check the result."];

#[test]
fn a_killed_tuning_resumes_to_the_same_prompt_and_pays_nothing_twice() {
    let endpoint = Endpoint::start(Duration::from_millis(15), in_short, answer);
    let kills = Kills {
        begin: &|runs| tune(runs, endpoint.base_url()),
        resume: &|_, run| resume(run, endpoint.base_url()),
        times: KILLS,
        seed: 9,
    };
    let resumed = kills.compare(
        |run| {
            let expected = left(run);
            there_is_something_to_compare(&expected);
            let calls = endpoint.take().len();
            assert!(calls <= BUDGET);
            (expected, calls)
        },
        |killed| {
            endpoint.settled();
            endpoint.committed(&killed.run)
        },
        |(expected, calls), committed, killed| {
            let after = endpoint.take();
            let again: Vec<_> = after.iter().filter(|request| committed.contains(*request)).collect();
            assert!(again.is_empty(), "paid twice: {again:?}");
            assert_eq!(after.len() + committed.len(), *calls, "killed at {:.2}", killed.share);
            assert_eq!(left(&killed.run), *expected, "killed at {:.2}", killed.share);
        },
    );
    assert!(resumed >= KILLS / 2, "only {resumed} kills hit a run");
}

/// What a run leaves: the outcome, every candidate, the prompt.
fn left(run: &Path) -> [String; 3] {
    let read = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    [outcome(run).to_string(), read("candidates.jsonl"), read("best/solve.system.txt")]
}

fn there_is_something_to_compare([outcome, candidates, prompt]: &[String; 3]) {
    assert!(outcome.contains("better than the seed"), "{outcome}");
    assert!(candidates.lines().count() > 4, "{candidates}");
    assert!(ADVICE.iter().any(|advice| prompt.contains(advice)), "{prompt}");
}

/// The model, and all that was said.
fn in_short(model: &str, messages: &[Value]) -> String {
    let texts = messages.iter().map(|message| message["content"].as_str().unwrap());
    [model].into_iter().chain(texts).collect::<Vec<_>>().join("\n")
}

/// A model that heeds advice, and a coach that gives some.
fn answer(asked: &str) -> String {
    if asked.starts_with("coach") { coach(asked) } else { solve(asked) }
}

/// Repeats the text that it was shown with one piece of advice more.
fn coach(asked: &str) -> String {
    let text = asked.split("```").nth(1).unwrap_or_default().trim();
    let advice = ADVICE[(seed::draw(2, "advice", [asked.as_bytes()]) % 3) as usize];
    format!("I suggest:\n```\n{text}\n{advice}\n```")
}

fn solve(asked: &str) -> String {
    let skill = 0.3 + ADVICE.iter().filter(|advice| asked.contains(*advice)).count() as f64 * 0.2;
    let right = seed::unit(1, "right", [asked.as_bytes()]) < skill;
    match solved(asked.lines().last().unwrap_or_default()) {
        None => "I cannot count this".to_owned(),
        Some(result) if right => format!("The answer is {result}"),
        Some(_) => "I do not know".to_owned(),
    }
}

fn program(base_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for model in ["medium", "coach"] {
        for setting in ["provider=openai", &format!("name={model}"), &format!("base-url={base_url}")] {
            command.arg("--set").arg(format!("models.{model}.{setting}"));
        }
    }
    command
}

fn tune(runs: &Path, base_url: &str) -> Command {
    let mut command = program(base_url);
    command.args(["--limit", "60", "--concurrency", "8", "prompt", "--proposer", "coach"]);
    for setting in [format!("run.directory={}", runs.display()), format!("budget.calls={BUDGET}")] {
        command.arg("--set").arg(setting);
    }
    command
}

fn resume(run: &Path, base_url: &str) -> Command {
    let mut command = program(base_url);
    command.arg("resume").arg(run);
    command
}
