//! The real program is killed at random points of a training and resumed: weights, moments and verdict are to the bit
//! those of an uninterrupted run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use agentscope_tuner::seed;
use serde_json::Value;

const KILLS: u64 = 5;

/// A short training of the untrained model, adapters or all of it.
fn weights(runs: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("weights");
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
    command.arg("--set").arg(format!("run.directory={}", runs.display()));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn resume(runs: &Path, run: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("resume").arg(run);
    command.arg("--set").arg(format!("run.directory={}", runs.display()));
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn the_run(runs: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path());
    let run = entries.into_iter().find(|path| path.is_dir() && !path.is_symlink())?;
    run.join("run.sqlite").is_file().then_some(run)
}

/// Everything that must be equal: the outcome without its clock, every file of the checkpoints, and which is the best.
fn result(run: &Path) -> (Value, Vec<(PathBuf, Vec<u8>)>) {
    let mut outcome: Value = serde_json::from_slice(&fs::read(run.join("outcome.json")).unwrap()).unwrap();
    for candidate in outcome["candidates"].as_array_mut().unwrap() {
        candidate["latency"] = Value::Null;
    }
    outcome["best"] = fs::read_link(run.join("best")).unwrap().to_string_lossy().into();
    assert!(run.join("best/model.safetensors").is_file(), "`best` points nowhere");
    let mut files = Vec::new();
    collect(&run.join("checkpoints"), &mut files);
    files.sort();
    let contents = |file: PathBuf| (file.strip_prefix(run).unwrap().to_owned(), fs::read(file).unwrap());
    (outcome, files.into_iter().map(contents).collect())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn killed_runs_end_the_same(settings: &[&str]) {
    let whole = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = weights(whole.path(), settings).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let took = began.elapsed();
    let expected = result(&the_run(whole.path()).unwrap());

    for kill in 0..KILLS {
        let runs = tempfile::tempdir().unwrap();
        let mut child = weights(runs.path(), settings).stderr(Stdio::null()).spawn().unwrap();
        let share = seed::unit(7, "kill", [&kill.to_le_bytes()[..]]);
        thread::sleep(Duration::from_millis(50) + took.mul_f64(share));
        child.kill().unwrap();
        child.wait().unwrap();
        let Some(run) = the_run(runs.path()) else { continue };
        let (success, stderr) = resume(runs.path(), &run);
        if stderr.contains("killed before it began") {
            continue;
        }
        assert!(success, "killed at {share:.2}: {stderr}");
        let (outcome, files) = result(&run);
        assert_eq!(outcome, expected.0, "killed at {share:.2}");
        let names =
            |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&files), names(&expected.1), "killed at {share:.2}");
        let differing: Vec<_> = files
            .iter()
            .zip(&expected.1)
            .filter(|(ours, theirs)| ours != theirs)
            .map(|(file, _)| &file.0)
            .collect();
        assert!(differing.is_empty(), "killed at {share:.2}: {differing:?} differ");
    }
}

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
