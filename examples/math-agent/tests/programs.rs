//! Workflows that are programs, described in the configuration alone: scored, and killed with all their children.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// A directory with rows and a configuration of one program.
fn project(script: &str, more: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let rows = "{\"question\": \"1+1\", \"answer\": \"2\"}\n{\"question\": \"2+2\", \"answer\": \"5\"}\n";
    fs::write(directory.path().join("rows.jsonl"), rows).unwrap();
    fs::write(directory.path().join("agent.sh"), script).unwrap();
    let config = format!(
        "workflow = \"agent\"\n[dataset]\neval = {{ path = \"rows.jsonl\" }}\n\
         [workflows.agent]\ncommand = [\"sh\", \"agent.sh\"]\nslots = {{}}\n{more}"
    );
    fs::write(directory.path().join("tuner.toml"), config).unwrap();
    directory
}

fn agent(verb: &str, project: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    command
        .arg(verb)
        .arg("--config")
        .arg(project.join("tuner.toml"))
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Whether the process is there, and not only as a zombie.
fn lives(id: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", id]).output().unwrap().stdout;
    !matches!(state.first(), None | Some(b'Z'))
}

#[test]
fn a_program_is_listed_scored_and_resumed_without_a_line_of_rust() {
    let judge = "[judges.right]\nkind = \"exact\"\nfield = \"answer\"\n";
    let project =
        project("sed 's/.*\"1+1\".*/2/; s/.*\"2+2\".*/4/'", &format!("{judge}[run]\ndirectory = \"runs\"\n"));
    let listed = agent("list", project.path()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("workflow agent") && listed.contains("tuner.toml:4"), "{listed}");
    let eval = agent("eval", project.path()).args(["--judge", "right", "--format", "json"]).output().unwrap();
    let said = String::from_utf8_lossy(&eval.stderr);
    let outcome: serde_json::Value =
        serde_json::from_slice(&eval.stdout).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!(outcome["candidates"][0]["reward"]["mean"], 0.5, "{outcome}");
    let resumed = agent("resume", project.path()).output().unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
}

/// An evaluation whose program has begun, and the number of its child.
fn begun(project: &Path) -> (Child, String) {
    let running = agent("eval", project).args(["--concurrency", "1"]).spawn().unwrap();
    (running, child_of(project))
}

/// The number of the program's child, once there is one.
fn child_of(project: &Path) -> String {
    loop {
        let child = fs::read_to_string(project.join("child")).unwrap_or_default();
        if let Some(id) = child.strip_suffix('\n') {
            assert!(lives(id));
            return id.to_owned();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn interrupt(running: &Child) {
    assert!(Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap().success());
}

#[test]
fn an_interrupt_kills_its_children_too() {
    let sleeper = "sleep 97 & echo $! > child\nwait\n";
    let [patient, impatient] = [project(sleeper, ""), project(sleeper, "")];
    // Interrupted once, the program under way is waited for a while, then killed; twice, at once.
    let (mut once, of_once) = begun(patient.path());
    let (mut twice, of_twice) = begun(impatient.path());
    interrupt(&once);
    interrupt(&twice);
    thread::sleep(Duration::from_millis(500));
    interrupt(&twice);
    assert_eq!(twice.wait().unwrap().code(), Some(130));
    thread::sleep(Duration::from_millis(200));
    assert!(!lives(&of_twice));
    assert_eq!(once.wait().unwrap().code(), Some(130));
    thread::sleep(Duration::from_millis(200));
    assert!(!lives(&of_once));
}
