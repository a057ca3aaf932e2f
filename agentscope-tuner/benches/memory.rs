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
    println!("100 rollouts, 10 in flight: peak resident memory {}", support::peak_memory());
    // The first thousand in flight alone, then four thousand more whose records are kept.
    for rollouts in [1_000, 5_000] {
        runtime.block_on(support::engine(&endpoint.base_url, rollouts, 1_000));
        let peak = support::peak_memory();
        println!("{rollouts} rollouts, 1,000 in flight: peak resident memory {peak}");
    }
}
