//! A program that is killed at random points of its work, and resumed.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use agentscope_tuner::seed;
use tempfile::TempDir;

use crate::the_run;

/// How a program is begun and continued.
pub struct Kills<'a> {
    /// The program, to work in this directory of runs.
    pub begin: &'a dyn Fn(&Path) -> Command,
    /// The program, to continue this run in this directory.
    pub resume: &'a dyn Fn(&Path, &Path) -> Command,
    /// How often it is killed, each time in a new directory.
    pub times: u64,
    /// Of the random points.
    pub seed: u64,
}

/// A run that a kill has cut short.
#[derive(Debug)]
pub struct Killed {
    /// Its directory.
    pub run: PathBuf,
    /// After which share of the time of an uninterrupted run.
    pub share: f64,
}

impl Kills<'_> {
    /// Lets the program come to its end once, then kills and resumes it again and again.
    ///
    /// `whole` sees the run that came to its end. `killed` sees each one that was cut short, and what it says of it goes to
    /// `resumed`, once that run has come to its end as well. Returns how many did: the others were killed before
    /// they began.
    pub fn compare<E, K>(
        &self,
        whole: impl FnOnce(&Path) -> E,
        mut killed: impl FnMut(&Killed) -> K,
        mut resumed: impl FnMut(&E, K, &Killed),
    ) -> u64 {
        let (expected, took) = self.uninterrupted(whole);
        let mut came_through = 0;
        for kill in 0..self.times {
            let runs = tempfile::tempdir().unwrap();
            let share = seed::unit(self.seed, "kill", [&kill.to_le_bytes()[..]]);
            let Some(cut) = self.kill(&runs, share, took) else { continue };
            let known = killed(&cut);
            if self.resume(&runs, &cut) {
                resumed(&expected, known, &cut);
                came_through += 1;
            }
        }
        came_through
    }

    fn uninterrupted<E>(&self, whole: impl FnOnce(&Path) -> E) -> (E, Duration) {
        let runs = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let output = (self.begin)(runs.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let took = began.elapsed();
        (whole(&the_run(runs.path()).unwrap()), took)
    }

    /// The run as the kill left it, if there is one by then.
    fn kill(&self, runs: &TempDir, share: f64, took: Duration) -> Option<Killed> {
        let mut command = (self.begin)(runs.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(took.mul_f64(share));
        child.kill().unwrap();
        child.wait().unwrap();
        the_run(runs.path()).map(|run| Killed { run, share })
    }

    /// Whether there was anything to resume.
    fn resume(&self, runs: &TempDir, killed: &Killed) -> bool {
        let output = (self.resume)(runs.path(), &killed.run).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("killed before it began") {
            assert_eq!(answers(&killed.run), 0, "{said}");
            return false;
        }
        assert!(output.status.success(), "killed at {:.2}: {said}", killed.share);
        true
    }
}

/// How many answers the store of a run holds.
fn answers(run: &Path) -> u64 {
    let store = rusqlite::Connection::open(run.join("run.sqlite")).unwrap();
    // A store without tables was never begun.
    store.query_row("SELECT count(*) FROM call", [], |row| row.get(0)).unwrap_or(0)
}
