//! How good one candidate is.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Inputs, Outcome, Strategy, scores::Scores, statistics::CONFIDENCE};
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, Result},
    rollout::Job,
};

/// Runs one candidate on every row: the verb `eval`.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// What fills the slots.
    pub candidate: Candidate,
    /// How often each row is run, at least 1.
    pub repeats: u32,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { candidate: Candidate::configured(), repeats: 1 }
    }
}

impl Strategy for Evaluation {
    fn name(&self) -> &'static str {
        "eval"
    }

    fn run<'a>(&'a self, inputs: Inputs<'a>) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            let Inputs { engine, eval: tasks, .. } = inputs;
            if engine.compares() && self.repeats < 2 {
                let message = "the judge compares the responses to a row, and one candidate gives one: run each row several times (--repeats), or compare candidates with `select`";
                return Err(Error::new(ErrorKind::Usage, message));
            }
            let candidates = [Arc::new(self.candidate.clone())];
            let jobs = Job::grid(&candidates, tasks, self.repeats.max(1));
            engine.expect(jobs.len());
            let run = engine.run(jobs, |_| {}).await?;
            let summaries = Scores::new(&candidates, &run.records, engine.seed()).summaries();
            let headline = match summaries.first().and_then(|summary| summary.reward) {
                Some(reward) => format!(
                    "mean reward {:.3} ({:.3} to {:.3}, 95 %) over {} rows",
                    reward.mean, reward.low, reward.high, reward.n
                ),
                None => "no rollout was scored".to_owned(),
            };
            Ok(Outcome {
                strategy: self.name().to_owned(),
                candidates: summaries,
                comparisons: Vec::new(),
                winner: None,
                front: Vec::new(),
                confirmed: None,
                weighing: None,
                confidence: CONFIDENCE,
                headline,
                rows: tasks.len(),
                stopped: run.stopped.map(|error| error.chain()),
            })
        })
    }
}
