//! Tool calls, through a server that samples.

use std::{
    path::Path,
    process::{Command, Output},
};

use agentscope_tuner::rollout::Store;
use test_support::{Flaw, Vllm, the_run};

use crate::{alone, directory, sampled_by, set};

/// A call of `add`, its result and the answer have more tokens than this; an answer alone has fewer.
const OF_A_CALL: f64 = 40.0;

/// A training of the model in `directory` that must call `add`, sampled by the server at this URL, or in the program.
fn with_tool(runs: &Path, directory: &Path, base_url: Option<&str>) -> Command {
    let mut command = alone(runs);
    command.args(["--config", "with_tool.toml"]);
    let longer = [
        "strategy.weights.warm-start.steps=50",
        "strategy.weights.steps=3",
        "strategy.weights.max-tokens=64",
        "strategy.weights.overlong.limit=64",
        "strategy.weights.importance-cap=2.0",
        "dataset.eval.limit=64",
    ];
    set(&mut command, longer);
    set(&mut command, [&*format!("models.tiny.path={}", directory.display())]);
    base_url.into_iter().for_each(|url| sampled_by(&mut command, url));
    command
}

/// What is said of a training at a stand-in with this flaw.
fn with_flaw(flaw: Flaw) -> (Output, String) {
    let (runs, server) = (tempfile::tempdir().unwrap(), Vllm::start(&directory(), flaw));
    weights(&mut with_tool(runs.path(), &directory(), Some(server.base_url())))
}

fn weights(command: &mut Command) -> (Output, String) {
    let done = command.arg("weights").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (done, said)
}

/// What a training showed, step by step.
struct Shown {
    lengths: Vec<f64>,
    /// Of the likeliest answers, before the first step and after the last.
    measured: Vec<f64>,
}

fn trained(directory: &Path, base_url: Option<&str>) -> Shown {
    let runs = tempfile::tempdir().unwrap();
    let mut command = with_tool(runs.path(), directory, base_url);
    set(&mut command, ["strategy.weights.eval-sampling.temperature=0"]);
    let (done, said) = weights(&mut command);
    assert!(done.status.success() && !said.contains("as other tokens"), "{said}");
    let run = the_run(runs.path()).unwrap();
    let metrics = Store::view(run.join("run.sqlite")).unwrap().metrics().unwrap();
    let of = |wanted: &str| {
        let all = metrics.values().flatten().filter(|(name, _)| *name == wanted);
        all.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    Shown { lengths: of("completions/mean_length"), measured: of("eval/reward") }
}

/// What is called, what it answered, and what follows go through the server at this URL as through the engine in this process: what
/// examples have taught is worth the same there, and every step is made of calls.
pub(crate) fn check_calls(base_url: &str, directory: &Path) {
    let (there, here) = (trained(directory, Some(base_url)), trained(directory, None));
    let of_calls =
        |shown: &Shown| shown.lengths.len() == 3 && shown.lengths.iter().all(|one| *one > OF_A_CALL);
    assert!(of_calls(&there) && of_calls(&here), "{:?}, {:?}", there.lengths, here.lengths);
    assert!(
        there.measured[0] > 0.0 && there.measured[0] == here.measured[0],
        "{:?}, {:?}",
        there.measured,
        here.measured
    );
}

#[test]
fn tools_are_called_by_what_a_server_samples() {
    check_calls(Vllm::start(&directory(), Flaw::None).base_url(), &directory());
}

#[test]
fn a_server_without_a_parser_of_calls_ends_the_run_before_anything_is_learnt() {
    let (done, said) = with_flaw(Flaw::NoTools);
    assert!(!done.status.success() && !said.contains("warm start"), "{said}");
    assert!(said.contains("there is nothing to learn from") && said.contains("--tool-call-parser"), "{said}");
}

#[test]
fn calls_that_the_server_spells_otherwise_are_worth_a_word() {
    let (done, said) = with_flaw(Flaw::OtherCalls);
    assert!(done.status.success() && said.contains("only turns after an answer differ"), "{said}");
}
