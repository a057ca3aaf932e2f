//! Rollouts a second against a bare loop over reqwest, in turn, in one run: `cargo bench --bench throughput`.
//!
//! Criterion times both; at the end the two are run in pairs and the median of their ratios is printed.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::time::Duration;

use criterion::{Criterion, Throughput};
use tokio::runtime::Runtime;

struct Case {
    name: &'static str,
    delay: Duration,
    concurrency: usize,
    calls: usize,
}

const CASES: [Case; 2] = [
    Case { name: "wait 20 ms, 64 at once", delay: Duration::from_millis(20), concurrency: 64, calls: 6_400 },
    Case { name: "no wait, 256 at once", delay: Duration::ZERO, concurrency: 256, calls: 20_000 },
];

const PAIRS: usize = 7;

/// Set for a profiler: so many calls of the case without waiting, through the engine alone; `bare 3000` for the other side.
const PROFILE: &str = "BENCH_PROFILE_CALLS";

/// One side of a pair.
struct Side {
    /// Calls a second.
    rate: f64,
    /// Processor time of this process, a call; other work on the machine hardly changes it.
    micros: f64,
}

fn main() {
    support::serve_if_asked();
    let runtime = Runtime::new().expect("a runtime");
    if let Ok(calls) = std::env::var(PROFILE) {
        return profile(&runtime, &calls);
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for case in &CASES {
        let endpoint = support::Endpoint::start(case.delay);
        time(&mut criterion, &runtime, case, &endpoint.base_url);
        pairs(&runtime, case, &endpoint.base_url);
    }
    criterion.final_summary();
}

fn profile(runtime: &Runtime, asked: &str) {
    let (side, calls) = asked.split_once(' ').unwrap_or(("engine", asked));
    let calls = calls.parse().expect("a number of calls");
    let endpoint = support::Endpoint::start(CASES[1].delay);
    let took = match side {
        "bare" => runtime.block_on(support::bare(&endpoint.base_url, calls, CASES[1].concurrency)),
        _ => runtime.block_on(support::engine(&endpoint.base_url, calls, CASES[1].concurrency)),
    };
    println!("{:.0}/s", calls as f64 / took.as_secs_f64());
}

fn time(criterion: &mut Criterion, runtime: &Runtime, case: &Case, base_url: &str) {
    let Case { name, concurrency, calls, .. } = *case;
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(calls as u64)).measurement_time(Duration::from_secs(10));
    let repeated = |iterations: u64, run: &dyn Fn() -> Duration| (0..iterations).map(|_| run()).sum();
    group.bench_function("bare reqwest", |bencher| {
        bencher
            .iter_custom(|n| repeated(n, &|| runtime.block_on(support::bare(base_url, calls, concurrency))));
    });
    group.bench_function("engine", |bencher| {
        bencher.iter_custom(|n| {
            repeated(n, &|| runtime.block_on(support::engine(base_url, calls, concurrency)))
        });
    });
    group.finish();
}

fn pairs(runtime: &Runtime, case: &Case, base_url: &str) {
    let Case { name, concurrency, calls, .. } = *case;
    let side = |run: &dyn Fn() -> Duration| {
        let before = support::processor_time();
        let took = run().as_secs_f64();
        let processor = support::processor_time().saturating_sub(before).as_secs_f64();
        Side { rate: calls as f64 / took, micros: 1e6 * processor / calls as f64 }
    };
    let mut rows: Vec<(Side, Side)> = (0..PAIRS)
        .map(|_| {
            let bare = side(&|| runtime.block_on(support::bare(base_url, calls, concurrency)));
            (bare, side(&|| runtime.block_on(support::engine(base_url, calls, concurrency))))
        })
        .collect();
    let mut median = |of: fn(&(Side, Side)) -> f64| {
        rows.sort_by(|one, other| of(one).total_cmp(&of(other)));
        of(&rows[PAIRS / 2])
    };
    println!(
        "{name}: bare {:.0}/s, engine {:.0}/s, ratio {:.1} %; processor time a call {:.0} and {:.0} µs (medians of {PAIRS} pairs)",
        median(|row| row.0.rate),
        median(|row| row.1.rate),
        100.0 * median(|row| row.1.rate / row.0.rate),
        median(|row| row.0.micros),
        median(|row| row.1.micros),
    );
}
