//! `cargo tuner new` as it is typed, and the program that it makes, run in the project that it made.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../template/src/main.rs"]
mod template;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

fn cargo_tuner(directory: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-tuner")).args(words).current_dir(directory).output().unwrap()
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A directory with a new project in it, `my-agent`, which depends on this checkout.
fn made() -> (TempDir, PathBuf) {
    let around = tempfile::tempdir().unwrap();
    // As cargo calls it.
    let output =
        cargo_tuner(around.path(), &["tuner", "new", "my-agent", "--path", checkout().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("cargo run -- eval"));
    let project = around.path().join("my-agent");
    (around, project)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The template as cargo compiled it beside this test, run in the project.
fn run(project: &Path, words: &[&str]) -> String {
    // An integration test is in target/PROFILE/deps, examples are in target/PROFILE/examples.
    let test = env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/template");
    assert!(program.is_file(), "not compiled; first: cargo build -p cargo-tuner --example template");
    let output =
        Command::new(program).args(words).current_dir(project).env("NO_COLOR", "1").output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_new_project_runs_offline_by_all_three_methods() {
    let (_around, project) = made();
    assert!(run(&project, &["list"]).contains("workflow solve"));
    assert!(run(&project, &["check"]).contains("120 rows, each fits the task type"));
    run(&project, &["run"]);
    run(&project, &["eval", "--limit", "30"]);
    let selected = run(&project, &["select"]);
    assert!(selected.contains("medium is best"), "{selected}");
    let prompted = run(&project, &["prompt"]);
    assert!(prompted.contains("is better than the seed"), "{prompted}");
    let trained = run(&project, &["weights"]);
    assert!(trained.contains("is better than the model it began with"), "{trained}");
}

#[test]
fn whatever_is_refused_leaves_nothing_behind() {
    let around = tempfile::tempdir().unwrap();
    fs::create_dir(around.path().join("taken")).unwrap();
    for (words, code, why) in [
        (&["new", "taken"][..], 1, "taken exists here already"),
        (&["new", "2nd"], 2, "must begin with a letter"),
        (&["new", "match"], 2, "means something in Rust itself"),
        (&["new", "mine", "--path", "nowhere"], 1, "nowhere is no checkout of agentscope-tuner"),
        (&["new", "mine", "--path", ".", "--git", "https://host/x"], 2, "cannot be used with"),
        (&["new"], 2, "<NAME>"),
        (&["old"], 2, "unrecognized subcommand"),
    ] {
        let output = cargo_tuner(around.path(), words);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(why), "{words:?}: {said}");
        assert_eq!(fs::read_dir(around.path()).unwrap().count(), 1, "{words:?}");
    }
}

#[test]
fn help_says_what_is_made() {
    let here = env::temp_dir();
    let help = text(&cargo_tuner(&here, &["tuner", "new", "--help"]).stdout);
    assert!(help.contains("Usage: cargo tuner new [OPTIONS] <NAME>"), "{help}");
    assert!(help.contains("builds and runs offline") && help.contains("--path <DIR>"), "{help}");
}

/// Builds the project as its owner would, with the lock file and the target directory of the workspace: so no network is
/// needed, and only the library is compiled once more, with the features that the project asks for.
#[test]
fn the_new_project_builds_and_passes_its_tests() {
    let (_around, project) = made();
    fs::copy(checkout().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    for words in [&["test"][..], &["run", "--", "list"], &["run", "--", "eval", "--limit", "20"]] {
        let mut command = Command::new(env!("CARGO"));
        command.arg(words[0]).arg("--offline").args(&words[1..]).current_dir(&project);
        let output = command.env("CARGO_TARGET_DIR", target).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    }
}
