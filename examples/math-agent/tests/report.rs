//! The page of a run: written at its end and on demand, and served while the run goes on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command};

use test_support::Listening;

fn program(runs: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).env("TUNER_RUN__DIRECTORY", runs);
    command
}

fn done(runs: &Path, arguments: &[&str]) -> String {
    let output = program(runs, arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn cells(page: &str) -> usize {
    page.matches("<button type=\"button\" class=\"cell ").count()
}

#[test]
fn a_run_ends_with_a_page_and_a_lost_one_is_written_again() {
    let runs = tempfile::tempdir().unwrap();
    done(runs.path(), &["eval", "--limit", "20"]);
    let path = runs.path().join("latest").join("report.html");
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(cells(&page), 20);
    fs::remove_file(&path).unwrap();
    done(runs.path(), &["report"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
    // All of the run is in one file, so that it can be sent.
    assert!(!runs.path().join("latest").join("run.sqlite-wal").exists());
}

fn view(runs: &Path) -> Listening {
    Listening::start(&mut program(runs, &["report", "--live"]))
}

#[test]
fn a_view_follows_a_run_that_goes_on() {
    let runs = tempfile::tempdir().unwrap();
    let stopped = program(runs.path(), &["select", "--set", "budget.calls=100"]).output().unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    let view = view(runs.path());
    // The body alone: the head has the time of day.
    let version = || view.get("/version", &[]).split_once("\r\n\r\n").unwrap().1.to_owned();
    let (before, page) = (version(), view.get("/", &[]));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("Not complete:"));
    assert!(before.contains("run.sqlite"), "{before}");
    assert_eq!(before, version());
    done(runs.path(), &["resume", "--set", "budget.calls=2000"]);
    assert_ne!(before, version());
    let after = view.get("/", &[]);
    assert!(after.contains("large is best") && !after.contains("Not complete:"));
    assert!(cells(&after) > cells(&page), "{} {}", cells(&after), cells(&page));
}

#[test]
fn a_view_is_for_this_machine_alone() {
    let runs = tempfile::tempdir().unwrap();
    done(runs.path(), &["eval", "--limit", "2"]);
    let view = view(runs.path());
    let port = view.address.rsplit_once(':').unwrap().1.to_owned();
    let as_host = |host: &str| view.get("/", &[("Host", &format!("{host}:{port}"))]);
    assert!(as_host("localhost").starts_with("HTTP/1.1 200"));
    assert!(as_host("elsewhere.example").starts_with("HTTP/1.1 403"));
    let refused = program(runs.path(), &["report", "--live", "--listen", "0.0.0.0:0"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("ssh -L"), "{said}");
}
