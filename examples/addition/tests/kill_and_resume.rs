//! The real program is killed at random points of a training and resumed: weights, moments and verdict are to the bit
//! those of an uninterrupted run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use test_support::{Kills, outcome};

#[test]
fn a_training_that_is_killed_ends_in_the_same_weights() {
    killed_runs_end_the_same(&["strategy.weights.updates=2"]);
}

#[test]
fn adapters_that_are_killed_end_the_same() {
    killed_runs_end_the_same(&[
        "strategy.weights.lora.rank=4",
        "strategy.weights.beta=0.01",
        "strategy.weights.algorithm=grpo",
    ]);
}

#[test]
fn a_training_that_samples_ahead_and_is_killed_ends_in_the_same_weights() {
    killed_runs_end_the_same(&[
        "strategy.weights.staleness=2",
        // Good enough at the first look: the warm start ends before its last step.
        "strategy.weights.warm-start.until=0",
        "strategy.weights.warm-start.eval-interval=90",
    ]);
}

fn killed_runs_end_the_same(settings: &[&str]) {
    let kills = Kills {
        begin: &|runs| weights(runs, settings),
        resume: &|runs, run| resume(runs, run),
        times: 5,
        seed: 7,
    };
    let resumed = kills.compare(
        |run| (result(run), checkpoints(run)),
        |_| (),
        |(expected, files), (), killed| {
            assert_eq!(result(&killed.run), *expected, "killed at {:.2}", killed.share);
            let ours = checkpoints(&killed.run);
            assert!(ours.keys().eq(files.keys()), "killed at {:.2}: {:?}", killed.share, ours.keys());
            let differing: Vec<_> = files.iter().filter(|(name, bytes)| ours[*name] != **bytes).collect();
            let names: Vec<_> = differing.iter().map(|(name, _)| name).collect();
            assert!(names.is_empty(), "killed at {:.2}: {names:?} differ", killed.share);
        },
    );
    assert!(resumed >= 2, "only {resumed} kills hit a run");
}

/// The outcome, and which checkpoint is the best.
fn result(run: &Path) -> (Value, PathBuf) {
    assert!(run.join("best/model.safetensors").is_file(), "`best` points nowhere");
    (outcome(run), fs::read_link(run.join("best")).unwrap())
}

/// Every file of the checkpoints, by its path in the run.
fn checkpoints(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![run.join("checkpoints")];
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else {
                files.insert(path.strip_prefix(run).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn program(runs: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.arg("--set").arg(format!("run.directory={}", runs.display()));
    command
}

/// A short training of the untrained model, adapters or all of it.
fn weights(runs: &Path, settings: &[&str]) -> Command {
    let mut command = program(runs);
    command.arg("weights");
    let common = [
        "dataset.eval.limit=24",
        "strategy.weights.steps=12",
        "strategy.weights.batch-size=4",
        "strategy.weights.group-size=6",
        "strategy.weights.eval-interval=4",
        "strategy.weights.save-interval=3",
        "strategy.weights.curriculum=true",
        "strategy.weights.dynamic-sampling=1",
        "strategy.weights.warm-start.steps=120",
    ];
    common.iter().chain(settings).for_each(|setting| _ = command.args(["--set", setting]));
    command
}

fn resume(runs: &Path, run: &Path) -> Command {
    let mut command = program(runs);
    command.arg("resume").arg(run);
    command
}
