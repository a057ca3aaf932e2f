//! The page's commands under GNU parallel and Slurm themselves, where they are installed (Debian: `parallel`, `slurm-wlm`, `munge`).

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{blocks, common, shell};

/// How long anything of these tests may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows of the test split: two tasks of an array.
const ROWS: usize = 200;

#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn is_there(programs: &str, out: &Path) -> bool {
    let there = shell(&format!("command -v {programs}"), out).output().unwrap().status.success();
    if !there {
        eprintln!("skipped: {programs} is not installed");
    }
    there
}

/// A line for every row, where the page's commands look for them.
fn write_jobs(path: &Path) {
    let lines: String = (0..ROWS).map(|row| format!("{{\"row\": {row}}}\n")).collect();
    fs::write(path, lines).unwrap();
}

fn records(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows that have records, each as often as it has.
fn rows<'a>(records: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut rows: Vec<_> = records
        .into_iter()
        .map(|record| {
            assert_eq!(record["status"], "scored", "{record}");
            record["task_id"].as_str().unwrap().to_owned()
        })
        .collect();
    rows.sort();
    rows
}

fn every_row() -> Vec<String> {
    let mut rows: Vec<_> = (0..ROWS).map(|row| format!("test/{row}")).collect();
    rows.sort();
    rows
}

/// `math-agent` in `out/bin`, with more arguments than it is typed with.
fn wrap<S: AsRef<OsStr>>(arguments: &[S], out: &Path) {
    let quoted = |word: &S| format!("'{}'", word.as_ref().to_str().unwrap());
    let arguments: Vec<_> = arguments.iter().map(quoted).collect();
    let script =
        format!("#!/bin/sh\nexec '{}' \"$@\" {}\n", env!("CARGO_BIN_EXE_math-agent"), arguments.join(" "));
    fs::create_dir(out.join("bin")).unwrap();
    let path = out.join("bin/math-agent");
    fs::write(&path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn gnu_parallel_shares_the_lines_out() {
    let out = tempfile::tempdir().unwrap();
    if !is_there("parallel", out.path()) {
        return;
    }
    write_jobs(&out.path().join("jobs.jsonl"));
    let command = blocks("sh").into_iter().find(|block| block.starts_with("parallel")).unwrap();
    wrap(&["--config", concat!(env!("CARGO_MANIFEST_DIR"), "/tuner.toml")], out.path());
    let script = format!("PATH=$OUT/bin:$PATH; {command}");
    let done = shell(&script, out.path()).current_dir(out.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(rows(&records(&out.path().join("records.jsonl"))), every_row());
}

/// A Slurm of this machine alone, which ends with this.
struct Slurm {
    process: Child,
    place: TempDir,
}

impl Slurm {
    fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut process = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scale/slurm.sh"))
            .arg(place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "it does not come up");
        Self { process, place }
    }

    /// Types `script`, and returns what it printed.
    fn types(&self, script: &str, out: &Path) -> String {
        let mut command = shell(script, out);
        command.env("SLURM_CONF", self.place.path().join("slurm.conf"));
        let path = format!("{}:{}", out.join("bin").display(), std::env::var("PATH").unwrap());
        let done = command.env("PATH", path).output().unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        // It goes when nothing is left to read.
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// An array that is cancelled in its middle and sent again comes to every row, and pays for nothing twice.
#[test]
fn slurm_runs_an_array_and_runs_it_again() {
    let out = tempfile::tempdir().unwrap();
    if !is_there("sbatch slurmctld slurmd munged", out.path()) {
        return;
    }
    let (slurm, endpoint) = (Slurm::start(), common::endpoint(Duration::from_millis(300)));
    wrap(&common::program(endpoint.base_url()).get_args().collect::<Vec<_>>(), out.path());
    write_jobs(&out.path().join("jobs.jsonl"));
    let script = blocks("sh").into_iter().find(|block| block.contains("SBATCH")).unwrap();
    fs::write(out.path().join("array.sh"), script).unwrap();
    let sbatch = "sbatch --parsable --array=0-1 --output=$OUT/%a.said $OUT/array.sh";

    let job = slurm.types(sbatch, out.path());
    let began = Instant::now();
    let mut asked = Vec::new();
    while asked.len() < ROWS {
        assert!(began.elapsed() < PATIENCE, "{} calls", asked.len());
        thread::sleep(Duration::from_millis(5));
        asked.extend(endpoint.take());
    }
    slurm.types(&format!("scancel {}", job.trim()), out.path());
    while !slurm.types("squeue --noheader", out.path()).is_empty() {
        assert!(began.elapsed() < PATIENCE, "it is not cancelled");
        thread::sleep(Duration::from_millis(100));
    }
    let stores: Vec<PathBuf> = (0..2).map(|task| out.path().join(format!("{task}.sqlite"))).collect();
    let paid: Vec<String> = stores.iter().flat_map(|store| endpoint.committed_in(store)).collect();
    assert!(!paid.is_empty() && all(out.path()).len() < ROWS, "it was not cancelled in its middle");
    endpoint.settled();

    slurm.types(&sbatch.replace("sbatch", "sbatch --wait"), out.path());
    assert_eq!(rows(&all(out.path())), every_row());
    let again: Vec<_> = endpoint.take().into_iter().filter(|asked| paid.contains(asked)).collect();
    assert!(again.is_empty(), "paid twice: {again:?}");
}

/// The records of both tasks.
fn all(out: &Path) -> Vec<Value> {
    (0..2).flat_map(|task| records(&out.join(format!("{task}.records")))).collect()
}
