//! Drawing tokens where their logits are, by all threads.

use crate::{
    engine::{
        model::{Batch, Draw, Next},
        request::Sampling,
        sampler::{self, Limits, Sampled, Sampler},
    },
    error::Result,
    kernels::threads::Threads,
};

/// What an exponential costs, in multiplications.
const COST: usize = 20;

/// How the rows of a step are drawn, and what they have come to.
#[derive(Debug)]
pub(super) struct Draws {
    asked: Vec<Draw>,
    drawn: Vec<Option<Sampled>>,
    /// One for each thread.
    workers: Vec<Worker>,
}

/// What one thread needs to draw, and what it has drawn: numbers of rows, and their tokens.
#[derive(Debug)]
struct Worker {
    sampler: Sampler,
    drawn: Vec<(usize, Sampled)>,
}

impl Draws {
    pub(super) fn new(vocabulary: usize, rows: usize, threads: usize) -> Self {
        let worker = || Worker { sampler: Sampler::new(vocabulary), drawn: Vec::with_capacity(rows) };
        let workers = (0..threads).map(|_| worker()).collect();
        Self { asked: Vec::with_capacity(rows), drawn: Vec::with_capacity(rows), workers }
    }

    /// Draws a token from each row of `logits` that leaves it to the model.
    pub(super) fn draw(&mut self, threads: &Threads, batch: &Batch, logits: &[f32], vocabulary: usize) {
        let Self { asked, drawn, workers } = self;
        asked.clear();
        asked.extend(batch.draws().map(|(_, draw)| draw));
        let cost = COST * asked.len() * vocabulary;
        threads.split_with(asked.len(), cost, workers, |rows, worker| {
            for row in rows {
                worker.draw(row, asked[row], &logits[row * vocabulary..][..vocabulary]);
            }
        });
        drawn.clear();
        drawn.resize(asked.len(), None);
        for (row, sampled) in workers.iter_mut().flat_map(|worker| worker.drawn.drain(..)) {
            drawn[row] = Some(sampled);
        }
    }

    /// What row number `row` of those that sample has come to.
    pub(super) fn next<'a>(&self, row: usize, logits: &'a [f32]) -> Result<Next<'a>> {
        match (self.asked[row], self.drawn[row]) {
            (Draw::Host, _) => Ok(Next::Logits(logits)),
            (_, Some(sampled)) => Ok(Next::Sampled(sampled)),
            (_, None) => Err(sampler::diverged()),
        }
    }
}

impl Worker {
    fn draw(&mut self, row: usize, draw: Draw, logits: &[f32]) {
        let Draw::Free { temperature, uniform } = draw else { return };
        let sampling = Sampling { temperature, ..Sampling::default() };
        let sampled = self.sampler.sample(logits, &sampling, Limits::default(), uniform, &mut Vec::new(), 0);
        self.drawn.extend(sampled.ok().map(|sampled| (row, sampled)));
    }
}
