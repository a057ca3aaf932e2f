//! The commands of `docs/scale.md`, typed into a shell.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod schedulers;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use test_support::{Endpoint, Listening};

const PAGE: &str = include_str!("../../../../docs/scale.md");
const TOKEN: &str = "a-long-bearer-token";

/// The text of all fenced blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    PAGE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A shell in which `math-agent` is the program under test.
fn shell(script: &str, out: &Path) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_math-agent")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("PATH", path).env("OUT", out).env("WORKER_TOKEN", TOKEN);
    command
}

/// Whether the page's commands are all there; else the reason is told.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn able(out: &Path) -> bool {
    let able = shell("command -v curl jq split xargs", out).output().unwrap().status.success();
    if !able {
        eprintln!("skipped: curl, jq, split or xargs is missing");
    }
    able
}

/// Whether `line` is as `wanted` says, with `[..]` for anything.
fn fits(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split("[..]");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap()) else { return false };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || wanted.ends_with("[..]")
}

/// Types each command of a transcript, and compares what is printed; addresses of the page stand for those of the test.
fn replay(transcript: &str, out: &Path, addresses: &[(&str, &str)]) {
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        let script = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}"));
        let script =
            addresses.iter().fold(script.to_owned(), |script, (page, test)| script.replace(page, test));
        let mut wanted = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            wanted.push(line);
        }
        let output = shell(&script, out).output().unwrap();
        let (printed, said) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        let printed: Vec<_> = printed.lines().collect();
        let as_shown = printed.len() == wanted.len()
            && wanted.iter().zip(&printed).all(|(wanted, line)| fits(wanted, line));
        assert!(as_shown, "{script}\nwanted {wanted:#?}\nprinted {printed:#?}\n{said}");
    }
}

#[test]
fn lines_become_records_as_the_page_shows() {
    let out = tempfile::tempdir().unwrap();
    if !able(out.path()) {
        return;
    }
    let pages: Vec<_> = blocks("console").into_iter().filter(|block| block.contains("rollout")).collect();
    for transcript in pages.iter().filter(|block| !block.contains("curl")) {
        replay(transcript, out.path(), &[]);
    }
}

#[test]
fn an_array_task_pays_for_nothing_twice() {
    let out = tempfile::tempdir().unwrap();
    let jobs: String = (0..5).map(|row| format!("{{\"row\": {row}}}\n")).collect();
    fs::write(out.path().join("jobs.jsonl"), "\n".repeat(100) + &jobs).unwrap();
    let script = blocks("sh").into_iter().find(|block| block.contains("SBATCH")).unwrap();
    let records = || {
        let status = shell(script, out.path()).env("SLURM_ARRAY_TASK_ID", "1").status().unwrap();
        assert!(status.success());
        let text = fs::read_to_string(out.path().join("1.records")).unwrap();
        let mut records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        records.sort_by_key(|record| record["line"].as_u64());
        records
    };
    let (first, again) = (records(), records());
    assert_eq!(first.len(), 5);
    // The time that each took, too: it was taken from the store.
    assert_eq!(first, again);
}

#[test]
fn a_trainer_reaches_the_functions_as_the_page_shows() {
    let out = tempfile::tempdir().unwrap();
    if !able(out.path()) {
        return;
    }
    let endpoint = Endpoint::start(
        Duration::ZERO,
        |model, messages| format!("{model}: {}", messages.last().unwrap()["content"]),
        |_| "5".to_owned(),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command.args(["worker", "--token-env", "WORKER_TOKEN", "--listen", "127.0.0.1:0"]);
    let worker = Listening::start(command.env("WORKER_TOKEN", TOKEN));
    let asked = endpoint.base_url().trim_start_matches("http://").trim_end_matches("/v1");
    let addresses = [("127.0.0.1:8300", worker.address.as_str()), ("127.0.0.1:8000", asked)];
    let transcript = blocks("console").into_iter().find(|block| block.contains("curl")).unwrap();
    replay(transcript, out.path(), &addresses);
    assert_eq!(endpoint.take().len(), 1);
}

#[test]
fn a_reader_that_goes_away_and_an_interrupt_end_it() {
    let out = tempfile::tempdir().unwrap();
    let gone = "yes '{\"row\": 0}' | math-agent rollout | head -n 1 | jq -r .status";
    let output = shell(gone, out.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "scored\n");
    // Input that never comes, until it is interrupted.
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    let mut waiting = command.arg("rollout").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    Command::new("kill").args(["-INT", &waiting.id().to_string()]).status().unwrap();
    let input = waiting.stdin.take();
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    drop(input);
}
