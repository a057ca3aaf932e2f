//! The real program is killed at random points of a `select` and resumed: nothing that was committed is paid again, and
//! the result is that of an uninterrupted run.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{path::Path, process::Command, time::Duration};

use test_support::{Kills, outcome};

#[test]
fn a_killed_run_resumes_to_the_same_result_and_pays_nothing_twice() {
    let endpoint = common::endpoint(Duration::from_millis(20));
    let kills = Kills {
        begin: &|runs| common::select(endpoint.base_url(), runs, 60, 8),
        resume: &|_, run| resume(run, endpoint.base_url()),
        times: 20,
        seed: 7,
    };
    let resumed = kills.compare(
        |run| (outcome(run), endpoint.take().len()),
        |killed| {
            let before = endpoint.settled().len();
            (before, endpoint.committed(&killed.run))
        },
        |(expected, calls), (before, committed), killed| {
            let after = endpoint.take();
            let again: Vec<_> = after.iter().filter(|request| committed.contains(*request)).collect();
            assert!(again.is_empty(), "paid twice: {again:?}");
            let share = killed.share;
            assert_eq!(after.len() + committed.len(), *calls, "killed at {share:.2}, after {before} calls");
            assert_eq!(outcome(&killed.run), *expected, "killed at {share:.2}");
        },
    );
    assert!(resumed >= 10, "only {resumed} kills hit a run");
}

fn resume(run: &Path, base_url: &str) -> Command {
    let mut command = common::program(base_url);
    command.arg("resume").arg(run);
    command
}
