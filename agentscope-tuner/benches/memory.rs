//! Peak resident memory with 1,000 rollouts in flight: `cargo bench --bench memory`.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::time::Duration;

fn main() {
    support::serve_if_asked();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // Long enough that all thousand are in flight at once.
    let endpoint = support::Endpoint::start(Duration::from_millis(500));
    runtime.block_on(support::engine(&endpoint.base_url, 100, 10));
    println!("100 rollouts, 10 in flight: peak resident memory {}", peak());
    let took = runtime.block_on(support::engine(&endpoint.base_url, 5_000, 1_000));
    println!("5,000 rollouts, 1,000 in flight: {:.1} s, peak resident memory {}", took.as_secs_f64(), peak());
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown on this system".to_owned(), |size| size.trim().to_owned())
}
