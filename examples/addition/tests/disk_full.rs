//! A disk that fills while a checkpoint is written: the run ends and says so, the checkpoint before is intact, and the run goes
//! on from it once there is room.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use test_support::{outcome, the_run};

/// The optimiser's state has 1.8 MB; the model and the store are smaller than this, in blocks of 512 bytes.
const BLOCKS: u32 = 3000;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_addition"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn weights(runs: &Path) -> Command {
    let mut command = program();
    command.arg("weights").arg("--set").arg(format!("run.directory={}", runs.display()));
    let settings = [
        "dataset.eval.limit=8",
        "strategy.weights.steps=8",
        "strategy.weights.batch-size=2",
        "strategy.weights.eval-interval=100",
        "strategy.weights.save-interval=2",
        "strategy.weights.warm-start.steps=20",
    ];
    settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
    command
}

/// `resume` where no file may grow beyond the limit: writing on then fails, as it does on a full disk.
fn resume_without_room(run: &Path) -> (bool, String) {
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-c", &script, env!("CARGO_BIN_EXE_addition"), "resume"])
        .arg(run)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The files of the newest checkpoint.
fn newest(run: &Path) -> Option<(PathBuf, BTreeMap<PathBuf, Vec<u8>>)> {
    let entries = fs::read_dir(run.join("checkpoints")).ok()?.map(|entry| entry.unwrap().path());
    let directory =
        entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("step-")).max()?;
    let mut files = BTreeMap::new();
    for folder in [directory.clone(), directory.join("trainer")] {
        let paths = fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path());
        for path in paths.filter(|path| path.is_file()) {
            files.insert(path.clone(), fs::read(path).ok()?);
        }
    }
    Some((directory, files))
}

#[test]
fn a_disk_that_fills_during_a_checkpoint_leaves_the_last_one_and_a_run_that_goes_on() {
    let [whole, cut] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    assert!(weights(whole.path()).status().unwrap().success());

    let mut child = weights(cut.path()).spawn().unwrap();
    let began = Instant::now();
    let first = loop {
        assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint in two minutes");
        let found = the_run(cut.path()).and_then(|run| newest(&run));
        if found.is_some() {
            break found;
        }
        thread::sleep(Duration::from_millis(2));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.is_some());
    let run = the_run(cut.path()).unwrap();
    let before = newest(&run).unwrap();
    assert!(!run.join("outcome.json").exists(), "it ended before it was killed");

    let (succeeded, said) = resume_without_room(&run);
    assert!(!succeeded, "{said}");
    assert!(said.contains("cannot write") && said.contains("checkpoints"), "{said}");
    assert!(said.contains("continue with `resume`"), "{said}");
    assert_eq!(newest(&run).unwrap(), before);

    assert!(program().arg("resume").arg(&run).status().unwrap().success());
    assert_eq!(outcome(&run), outcome(&the_run(whole.path()).unwrap()));
}
