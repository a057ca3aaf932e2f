//! Tokens a second of the decode engine, for one sequence and for 64 at once.
//!
//! With `PEER_PYTHON` naming a Python that has torch and transformers, each round also runs `peers/pytorch_decode.py` on
//! the same shape, so that both meet the same load; the ratio is the median of the rounds' ratios.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::time::Instant;

use agentscope_tuner_policy::{
    Params,
    engine::{Engine, EngineSettings, Request, Sampling},
};
use dfdx::tensor::Cpu;
use support::{Shape, median, peer, wanted};
use tokio::runtime::{Builder, Runtime};

const ROUNDS: usize = 5;
const PROMPT: usize = 8;

/// Tokens of each sequence, by shape, for one and for 64 sequences.
const TOKENS: [[usize; 2]; 4] = [[2000, 400], [1000, 200], [200, 60], [40, 12]];

fn main() {
    let runtime = Builder::new_current_thread().build().expect("a runtime needs nothing");
    println!("parameters | sequences | ours | PyTorch | ours / PyTorch");
    for (index, shape) in wanted() {
        for (sequences, tokens) in [1, 64].into_iter().zip(TOKENS[index]) {
            compare(&runtime, &shape, sequences, tokens);
        }
    }
}

fn compare(runtime: &Runtime, shape: &Shape, sequences: usize, tokens: usize) {
    let config = shape.config(PROMPT + tokens);
    let params = Params::new(&Cpu::default(), &config, shape.checkpoint()).expect("names and shapes fit");
    let settings = EngineSettings { threads: Some(2), ..EngineSettings::default() };
    let engine = Engine::new(&config, &params, &settings).expect("valid settings");
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    run(runtime, &engine, shape, (sequences, 2), 0);
    for round in 1..=ROUNDS {
        ours.push(run(runtime, &engine, shape, (sequences, tokens), round * sequences));
        let arguments = [shape.arguments(), vec![sequences, PROMPT, tokens]].concat();
        if let Some(rates) = peer("pytorch_decode.py", &arguments) {
            ratios.push(ours[round - 1] / rates[0]);
            theirs.push(rates[0]);
        }
    }
    print!("{:.2} M | {sequences} | {:.0} tokens/s", shape.millions(), median(&ours));
    match theirs.is_empty() {
        true => println!(" (fastest {:.0})", ours.iter().copied().fold(0.0, f64::max)),
        false => println!(" | {:.0} tokens/s | {:.1}", median(&theirs), median(&ratios)),
    }
}

/// Tokens a second. Prompts differ, so that none is found in the cache.
fn run(
    runtime: &Runtime,
    engine: &Engine,
    shape: &Shape,
    (sequences, tokens): (usize, usize),
    salt: usize,
) -> f64 {
    let start = Instant::now();
    let request = |sequence: usize| {
        let token = |i: usize| (sequence / shape.vocabulary.pow(i as u32 % 3) + i) % shape.vocabulary;
        let prompt = (0..PROMPT).map(|i| token(i) as u32).collect();
        let sampling = Sampling { seed: sequence as u64, ..Sampling::default() };
        Request { sampling, ..Request::new(prompt, tokens) }
    };
    let tickets: Vec<_> = (salt..salt + sequences)
        .map(|sequence| engine.submit(request(sequence)).expect("a valid request"))
        .collect();
    runtime.block_on(async {
        for ticket in tickets {
            let completion = ticket.completion().await.expect("a healthy engine");
            assert_eq!(completion.tokens.len(), tokens);
        }
    });
    (sequences * tokens) as f64 / start.elapsed().as_secs_f64()
}
