//! The page of a run: written at its end and on demand, and served while the run goes on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

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

/// Kills the server when the test ends.
struct View {
    process: Child,
    /// `host:port`.
    address: String,
}

impl Drop for View {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl View {
    fn open(runs: &Path) -> Self {
        let mut process = program(runs, &["report", "--live"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        Self { process, address }
    }

    fn get(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

#[test]
fn a_view_follows_a_run_that_goes_on() {
    let runs = tempfile::tempdir().unwrap();
    let stopped = program(runs.path(), &["select", "--set", "budget.calls=100"]).output().unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    let view = View::open(runs.path());
    let (before, page) = (view.get("/version", &view.address), view.get("/", &view.address));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("Not complete:"));
    assert_eq!(before, view.get("/version", &view.address));
    done(runs.path(), &["resume", "--set", "budget.calls=2000"]);
    assert_ne!(before, view.get("/version", &view.address));
    let after = view.get("/", &view.address);
    assert!(after.contains("large is best") && !after.contains("Not complete:"));
    assert!(cells(&after) > cells(&page), "{} {}", cells(&after), cells(&page));
}

#[test]
fn a_view_is_for_this_machine_alone() {
    let runs = tempfile::tempdir().unwrap();
    done(runs.path(), &["eval", "--limit", "2"]);
    let view = View::open(runs.path());
    let port = view.address.rsplit_once(':').unwrap().1.to_owned();
    assert!(view.get("/", &format!("localhost:{port}")).starts_with("HTTP/1.1 200"));
    assert!(view.get("/", &format!("elsewhere.example:{port}")).starts_with("HTTP/1.1 403"));
    let refused = program(runs.path(), &["report", "--live", "--listen", "0.0.0.0:0"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("ssh -L"), "{said}");
}
