mod agreement;
mod behaviour;
mod blocks;
mod sampling;

use super::{Completion, Engine, EngineSettings, Request, Sampling};
use crate::{config::PolicyConfig, testing};

/// An engine over the seeded random model of that shape.
fn engine(config: &PolicyConfig, settings: &EngineSettings) -> Engine {
    Engine::new(config, &testing::params(config, 7), settings).unwrap()
}

fn small() -> EngineSettings {
    EngineSettings { max_sequences: 8, max_rows: 32, threads: Some(1), ..EngineSettings::default() }
}

fn greedy() -> Sampling {
    Sampling { temperature: 0.0, ..Sampling::default() }
}

/// A prompt of `length` tokens of the tiny vocabulary.
fn prompt(length: usize, salt: usize) -> Vec<u32> {
    (0..length).map(|i| ((i * 31 + salt * 17 + i * i * 7) % 67) as u32).collect()
}

/// Waits for a future without a runtime.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Hands all requests in at once and waits for all.
fn complete(engine: &Engine, requests: Vec<Request>) -> Vec<Completion> {
    let tickets: Vec<_> = requests.into_iter().map(|request| engine.submit(request).unwrap()).collect();
    tickets.into_iter().map(|ticket| wait(ticket.completion()).unwrap()).collect()
}
