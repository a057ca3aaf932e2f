//! A selection that asks an endpoint which counts its calls, and what may happen in its middle.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use test_support::{Endpoint, outcome, the_run};

use crate::{
    common::{self, program},
    place::{Place, kill},
};

/// How long anything of these tests may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long a worker may outlive its run.
const FAREWELL: Duration = Duration::from_secs(5);

/// A selection of three models on forty rows.
pub(crate) struct Scene {
    endpoint: Endpoint,
    /// What it comes to in one process, and how many calls it pays.
    pub(crate) expected: Value,
    pub(crate) calls: usize,
}

impl Scene {
    /// Each call takes `pause`.
    pub(crate) fn new(pause: Duration) -> Self {
        let endpoint = common::endpoint(pause);
        let runs = tempfile::tempdir().unwrap();
        let mut program = select(endpoint.base_url(), runs.path());
        let done = program.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let expected = outcome(&the_run(runs.path()).unwrap());
        let calls = endpoint.take().len();
        Self { endpoint, expected, calls }
    }

    /// Begins it at `place`, in a directory of its own.
    pub(crate) fn begin(&self, place: &Place) -> Running {
        let runs = tempfile::tempdir().unwrap();
        let mut program = select(self.endpoint.base_url(), runs.path());
        place.sends(&mut program);
        let child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running { runs, child }
    }

    /// Continues it at `place`.
    pub(crate) fn resume(&self, place: &Place, run: &Path) -> Output {
        let mut program = program(self.endpoint.base_url());
        program.arg("resume").arg(run);
        place.sends(&mut program);
        program.output().unwrap()
    }

    /// Waits until so many calls were asked for.
    pub(crate) fn asked(&self, calls: usize) -> Vec<String> {
        let (began, mut all) = (Instant::now(), Vec::new());
        while all.len() < calls {
            assert!(began.elapsed() < PATIENCE, "only {} calls", all.len());
            thread::sleep(Duration::from_millis(5));
            all.extend(self.endpoint.take());
        }
        all
    }

    /// What was asked for since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        self.endpoint.take()
    }

    /// Lets it run to its end while `happens` happens after a third of its calls: it comes to the same, at the same price.
    pub(crate) fn survives(&self, place: &Place, happens: impl FnOnce()) {
        let running = self.begin(place);
        let mut asked = self.asked(self.calls / 3);
        happens();
        let (done, run) = running.ended();
        assert!(done.status.success(), "{}", said(&done));
        assert_eq!(outcome(&run), self.expected);
        asked.extend(self.take());
        assert_eq!(asked.len(), self.calls, "paid twice, or not at all");
        assert_eq!(answers(&run), self.calls);
    }

    /// Ends it by `ends` after a third of its calls, and resumes it: nothing that was kept is paid again, and it comes to the same.
    pub(crate) fn is_resumed(&self, place: &Place, ends: impl FnOnce(&mut Running)) {
        let mut running = self.begin(place);
        self.asked(self.calls / 3);
        ends(&mut running);
        let (done, run) = running.ended();
        assert!(!done.status.success());
        self.endpoint.settled();
        let committed = self.endpoint.committed(&run);
        let done = self.resume(place, &run);
        assert!(done.status.success(), "{}", said(&done));
        assert_eq!(outcome(&run), self.expected);
        let after = self.take();
        let again: Vec<_> = after.iter().filter(|request| committed.contains(*request)).collect();
        assert!(again.is_empty(), "paid twice: {again:?}");
        assert_eq!(after.len() + committed.len(), self.calls);
    }
}

/// A run under way.
pub(crate) struct Running {
    runs: TempDir,
    pub(crate) child: Child,
}

impl Running {
    /// Waits for its end; what it said, and where it is.
    pub(crate) fn ended(self) -> (Output, PathBuf) {
        let Self { runs, child } = self;
        let done = child.wait_with_output().unwrap();
        // Kept for as long as the test looks at it.
        (done, the_run(&runs.keep()).unwrap())
    }
}

/// Kills one of the workers of `place`.
pub(crate) fn kill_a_worker(place: &Place) {
    let began = Instant::now();
    loop {
        if let Some(worker) = place.workers().first() {
            return kill(*worker);
        }
        assert!(began.elapsed() < PATIENCE, "there are no workers");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until one of these workers is gone, while the run of `place` goes on.
pub(crate) fn one_is_gone(place: &Place, workers: &[u32]) {
    let began = Instant::now();
    while place.workers().iter().filter(|worker| workers.contains(worker)).count() == workers.len() {
        assert!(!place.drivers().is_empty() && began.elapsed() < PATIENCE, "all workers are still there");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until nobody of `place` is left: a worker reads of its run's end, and then ends.
pub(crate) fn all_are_gone(place: &Place) {
    let began = Instant::now();
    while !(place.workers().is_empty() && place.drivers().is_empty()) {
        assert!(began.elapsed() < FAREWELL, "somebody stayed behind");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a program said to people.
pub(crate) fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn answers(run: &Path) -> usize {
    let store = rusqlite::Connection::open(run.join("run.sqlite")).unwrap();
    store.query_row("SELECT count(*) FROM call", [], |row| row.get(0)).unwrap()
}

fn select(base_url: &str, runs: &Path) -> Command {
    common::select(base_url, runs, 40, 6)
}
