mod agreement;
mod behaviour;
mod blocks;
mod sampling;

use super::{Completion, Engine, EngineSettings, Request, Sampling};
use crate::{
    config::PolicyConfig,
    testing::{self, log_sum_exp, reference_logits, tensors},
};

/// An engine over the seeded random model of that shape.
pub(super) fn engine(config: &PolicyConfig, settings: &EngineSettings) -> Engine {
    Engine::new(config, &testing::params(config, 7), settings).unwrap()
}

pub(super) fn small() -> EngineSettings {
    EngineSettings { max_sequences: 8, max_rows: 32, threads: Some(1), ..EngineSettings::default() }
}

pub(super) fn greedy() -> Sampling {
    Sampling { temperature: 0.0, ..Sampling::default() }
}

/// A prompt of `length` tokens of the tiny vocabulary.
pub(super) fn prompt(length: usize, salt: usize) -> Vec<u32> {
    (0..length).map(|i| ((i * 31 + salt * 17 + i * i * 7) % 67) as u32).collect()
}

/// Waits for a future without a runtime.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Hands all requests in at once and waits for all.
pub(super) fn complete(engine: &Engine, requests: Vec<Request>) -> Vec<Completion> {
    let tickets: Vec<_> = requests.into_iter().map(|request| engine.submit(request).unwrap()).collect();
    tickets.into_iter().map(|ticket| wait(ticket.completion()).unwrap()).collect()
}

/// A mix of lengths, seeds and common beginnings.
pub(super) fn requests() -> Vec<Request> {
    let mut all = Vec::new();
    for index in 0..14_u64 {
        let mut ids = prompt([3, 16, 33, 50, 20, 33, 33][index as usize % 7], index as usize / 7);
        ids.push(index as u32 % 3);
        let sampling = Sampling { seed: index, ..Sampling::default() };
        all.push(Request { sampling, ..Request::new(ids, 25) });
    }
    all
}

/// Greedy tokens are the most likely ones, and their log-probabilities the exact ones, within `tolerance`.
#[track_caller]
pub(super) fn assert_textbook(engine: &Engine, config: &PolicyConfig, length: usize, tolerance: f64) {
    let (tensors, mut ids) = (tensors(config, 7), prompt(length, 3));
    let request = Request { sampling: greedy(), ..Request::new(ids.clone(), 20) };
    let completion = complete(engine, vec![request]).remove(0);
    assert_eq!(completion.tokens.len(), 20);
    for token in completion.tokens {
        let logits = reference_logits(config, &tensors, &ids).pop().unwrap();
        let chosen = logits[token.id as usize];
        let best = logits.iter().copied().fold(f64::MIN, f64::max);
        assert!(best - chosen < tolerance, "{config:?}: not the most likely token");
        let exact = chosen - log_sum_exp(&logits);
        assert!((f64::from(token.log_prob) - exact).abs() < tolerance, "{} not {exact}", token.log_prob);
        ids.push(token.id);
    }
}
