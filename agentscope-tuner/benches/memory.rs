//! Peak resident memory with 1,000 rollouts in flight: `cargo bench --bench memory`.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::{process::Command, time::Duration};

/// Set in the child that measures: how many rollouts, and how many of them at once.
const MEASURE: &str = "BENCH_MEASURE_ROLLOUTS";

fn main() {
    support::serve_if_asked();
    if let Ok(case) = std::env::var(MEASURE) {
        return measure(&case);
    }
    // A process each: what one leaves behind would count for the next.
    let program = std::env::current_exe().expect("this program has a path");
    for case in ["100 10", "1000 1000", "5000 1000"] {
        let status = Command::new(&program).env(MEASURE, case).status().expect("it starts");
        assert!(status.success(), "{case}: {status}");
    }
}

fn measure(case: &str) {
    let numbers: Vec<usize> = case.split(' ').map(|number| number.parse().expect("a number")).collect();
    let [rollouts, at_once] = numbers[..] else { panic!("two numbers, not `{case}`") };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // Long enough that as many as may be are in flight at once.
    let endpoint = support::Endpoint::start(Duration::from_millis(500));
    runtime.block_on(support::engine(&endpoint.base_url, rollouts, at_once));
    println!("{rollouts} rollouts, {at_once} in flight: peak resident memory {}", support::peak_memory());
}
