//! Tokens a second of the decode engine, for one sequence and for 64 at once; on a GPU (`DEVICE=cuda`, and `PRECISION=bf16` where
//! wanted) for 256 as well.
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
use support::{Shape, device, median, peer, precision, wanted};
use tokio::runtime::{Builder, Runtime};

const ROUNDS: usize = 5;

/// Of one token, so that every row of every step is one that a token is sampled from.
const PROMPT: usize = 1;

/// How a round loads the engine: so many sequences at once, each of so many tokens, and that so many times, since the
/// small shapes take milliseconds.
#[derive(Clone, Copy)]
struct Load {
    sequences: usize,
    tokens: usize,
    batches: usize,
}

/// How many sequences are decoded at once.
const SEQUENCES: [usize; 3] = [1, 64, 256];

/// Tokens of each sequence and batches of a round, by shape, for so many sequences.
const LOADS: [&[[usize; 2]]; 5] = [
    &[[2000, 1], [32, 20]],
    &[[1000, 1], [32, 10]],
    &[[200, 1], [32, 2]],
    &[[40, 1], [32, 1]],
    &[[200, 1], [200, 1], [200, 1]],
];

fn main() {
    let runtime = Builder::new_current_thread().build().expect("a runtime needs nothing");
    println!("parameters | sequences | ours | PyTorch | ours / PyTorch");
    for (index, shape) in wanted() {
        for (sequences, [tokens, batches]) in SEQUENCES.iter().zip(LOADS[index]) {
            compare(&runtime, &shape, Load { sequences: *sequences, tokens: *tokens, batches: *batches });
        }
    }
}

fn compare(runtime: &Runtime, shape: &Shape, load: Load) {
    let Load { sequences, tokens, batches } = load;
    let config = shape.config(PROMPT + tokens);
    let params = Params::new(&Cpu::default(), &config, shape.checkpoint()).expect("names and shapes fit");
    let settings =
        EngineSettings { threads: Some(2), precision: precision(), ..EngineSettings::on(device()) };
    let engine = Engine::new(&config, &params, &settings).expect("valid settings");
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    run(runtime, &engine, shape, Load { tokens: 3, ..load });
    for round in 0..ROUNDS {
        ours.push(run(runtime, &engine, shape, load));
        let arguments = [shape.arguments(), vec![sequences, PROMPT, tokens, batches]].concat();
        if let Some(rates) = peer("pytorch_decode.py", &arguments) {
            ratios.push(ours[round] / rates[0]);
            theirs.push(rates[0]);
        }
    }
    print!("{:.2} M | {sequences} | {:.0} tokens/s", shape.millions(), median(&ours));
    match theirs.is_empty() {
        true => println!(" (fastest {:.0})", ours.iter().copied().fold(0.0, f64::max)),
        false => println!(" | {:.0} tokens/s | {:.1}", median(&theirs), median(&ratios)),
    }
}

/// Tokens a second.
fn run(runtime: &Runtime, engine: &Engine, shape: &Shape, load: Load) -> f64 {
    let start = Instant::now();
    for _ in 0..load.batches {
        runtime.block_on(batch(engine, shape, load));
    }
    (load.sequences * load.tokens * load.batches) as f64 / start.elapsed().as_secs_f64()
}

async fn batch(engine: &Engine, shape: &Shape, load: Load) {
    let request = |sequence: usize| {
        let prompt = vec![(sequence % shape.vocabulary) as u32; PROMPT];
        let sampling = Sampling { seed: sequence as u64, ..Sampling::default() };
        Request { sampling, ..Request::new(prompt, load.tokens) }
    };
    let tickets: Vec<_> = (0..load.sequences)
        .map(|sequence| engine.submit(request(sequence)).expect("a valid request"))
        .collect();
    for ticket in tickets {
        let completion = ticket.completion().await.expect("a healthy engine");
        assert_eq!(completion.tokens.len(), load.tokens);
    }
}
