//! What can be wrong with Python, Ray, and the cluster: each is told with its remedy, and soon.

use std::{
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use crate::{place::Place, scene::said};

fn eval(runs: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--limit", "2", "eval", "--set"]);
    command.arg(format!("run.directory={}", runs.display()));
    command
}

fn with(how: &str, settings: &[&str]) -> Option<(Output, Duration)> {
    let place = Place::stand_in(&format!("fault-{how}"), how)?;
    let runs = tempfile::tempdir().unwrap();
    let mut command = eval(runs.path());
    place.sends(&mut command);
    settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
    let began = Instant::now();
    Some((command.output().unwrap(), began.elapsed()))
}

#[track_caller]
fn is_told(how: &str, settings: &[&str], code: i32, words: &[&str]) {
    let Some((done, took)) = with(how, settings) else { return };
    let said = said(&done);
    for word in words {
        assert!(said.contains(word), "`{word}` is missing: {said}");
    }
    assert_eq!(done.status.code(), Some(code), "{said}");
    assert!(took < Duration::from_secs(60), "it took {took:?}");
}

#[test]
fn a_python_that_is_missing() {
    is_told("", &["ray.python=no-such-python"], 2, &["`no-such-python` cannot be started", "ray.python"]);
}

#[test]
fn a_python_without_ray() {
    let there = Command::new("python3").args(["-c", "import ray"]).output();
    if there.is_ok_and(|done| done.status.success()) {
        return eprintln!("skipped: this Python has Ray");
    }
    let runs = tempfile::tempdir().unwrap();
    let done = eval(runs.path()).args(["--engine", "ray"]).output().unwrap();
    assert!(said(&done).contains("pip install ray==VERSION"), "{}", said(&done));
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn an_address_at_which_nothing_answers() {
    is_told("", &["ray.address=127.0.0.1:1"], 2, &["nothing answers at 127.0.0.1:1", "ray.address"]);
}

#[test]
fn another_version_of_ray() {
    is_told("mismatch", &[], 2, &["Version mismatch", "Install the versions of the cluster"]);
}

#[test]
fn a_driver_that_dies() {
    is_told("exit", &[], 1, &["the Ray driver ended", "the ground opened", "ray-driver.log"]);
}

#[test]
fn a_cluster_that_says_nothing() {
    is_told("hang", &["ray.timeout=1"], 1, &["did not answer within 1 s", "ray.timeout"]);
}

#[test]
fn nodes_of_another_kind() {
    is_told("platform", &[], 1, &["built for Plan9 pdp11", "use nodes like the machine at home"]);
}

#[test]
fn settings_that_a_worker_cannot_have() {
    is_told("", &["ray.files=[\"no-such-file\"]"], 2, &["cannot read", "no-such-file"]);
    is_told("", &["ray.env=[\"NOT_SET_ANYWHERE\"]"], 2, &["NOT_SET_ANYWHERE", "set it"]);
    is_told("", &["ray.workers=0"], 2, &["ray.workers is 0"]);
}

#[test]
fn workers_are_started_by_engines_alone() {
    let done = Command::new(env!("CARGO_BIN_EXE_math-agent"))
        .args(["rollout", "--work-for", "/no/such/directory/file"])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(said(&done).contains("for the engines that start it"));
}

#[test]
fn workers_that_cannot_be_placed() {
    is_told("actors", &[], 1, &["workers end before they can work", "no actors today"]);
}
