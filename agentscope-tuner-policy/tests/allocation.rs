//! What decoding allocates: nothing a token, but for the messages that tell of it.
//!
//! Alone in its binary, since every allocation of the process is counted.
#![allow(clippy::unwrap_used, reason = "a failed test")]

mod common;

use agentscope_tuner_policy::{
    Params,
    checkpoint::Checkpoint,
    engine::{Engine, EngineSettings, Event, Request, Sampling},
};
use dfdx::tensor::Cpu;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SEQUENCES: usize = 4;

/// Allocations while each sequence samples `tokens` tokens.
fn allocations(runtime: &tokio::runtime::Runtime, engine: &Engine, tokens: usize) -> u64 {
    let before = dhat::HeapStats::get().total_blocks;
    let request = |prompt| {
        let sampling = Sampling { seed: u64::from(prompt), top_p: 0.9, ..Sampling::default() };
        engine.submit(Request { sampling, ..Request::new(vec![prompt], tokens) }).unwrap()
    };
    let tickets: Vec<_> = (0..SEQUENCES as u32).map(request).collect();
    runtime.block_on(async {
        for mut ticket in tickets {
            let mut sampled = 0;
            while let Some(event) = ticket.next().await {
                sampled += usize::from(matches!(event, Event::Token(_)));
            }
            assert_eq!(sampled, tokens);
        }
    });
    dhat::HeapStats::get().total_blocks - before
}

#[test]
fn a_longer_answer_costs_no_more_allocations_than_its_messages() {
    let loaded = Checkpoint::open(common::model("qwen3")).unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    let params = Params::new(&Cpu::default(), loaded.config(), loaded.tensors().unwrap()).unwrap();
    let settings = EngineSettings { threads: Some(2), ..EngineSettings::default() };
    let engine = Engine::new(loaded.config(), &params, &settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (short, long) = (16, 112);
    allocations(&runtime, &engine, long);
    let [short_blocks, long_blocks] = [short, long].map(|tokens| allocations(&runtime, &engine, tokens));
    // A channel keeps 32 messages in a block; each sequence's table of blocks doubles a few times.
    let messages = (SEQUENCES * (long - short)).div_ceil(32) as u64;
    let most = short_blocks + messages + 3 * SEQUENCES as u64;
    assert!(
        long_blocks <= most,
        "{long_blocks} allocations for {long} tokens each, {short_blocks} for {short}"
    );
}
