//! Which model is best.

use std::{cmp::Ordering, sync::Arc};

use futures_util::future::BoxFuture;

use super::{Comparison, Outcome, Strategy, Summary, Verdict, scores::Scores};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Result},
    rollout::{Engine, Job, Run, Task},
};

/// Runs every candidate on every row and ranks them: the verb `select`.
#[derive(Clone, Debug, Default)]
pub struct ModelSelection {
    /// The candidates, at least two, each of its own name.
    pub candidates: Vec<Candidate>,
    /// How often each row is run, at least 1.
    pub repeats: u32,
}

impl ModelSelection {
    /// One candidate for each of `models` in `slot`, each row run once.
    pub fn of_models(slot: &SlotPath, models: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let candidate =
            |name: String| Candidate::new(name.clone()).with(slot.clone(), SlotValue::model(name));
        Self { candidates: models.into_iter().map(Into::into).map(candidate).collect(), repeats: 1 }
    }

    fn check(&self) -> Result<()> {
        let usage = |message: String| Err(Error::new(ErrorKind::Usage, message));
        if self.candidates.len() < 2 {
            let found = self.candidates.len();
            return usage(format!(
                "selection needs at least two candidates, but has {found}: list more under [strategy.select] candidates"
            ));
        }
        let mut names: Vec<_> = self.candidates.iter().map(|candidate| candidate.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(()),
            Some(pair) => usage(format!("two candidates are named `{}`: name each once", pair[0])),
        }
    }
}

impl Strategy for ModelSelection {
    fn name(&self) -> &'static str {
        "select"
    }

    fn run<'a>(&'a self, engine: &'a Engine, tasks: &'a [Arc<Task>]) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            self.check()?;
            let candidates: Vec<_> = self.candidates.iter().cloned().map(Arc::new).collect();
            let jobs = Job::grid(&candidates, tasks, self.repeats.max(1));
            engine.expect(jobs.len());
            let run = engine.run(jobs, |_| {}).await?;
            Ok(decide(&candidates, run, tasks.len(), engine.seed()))
        })
    }
}

fn decide(candidates: &[Arc<Candidate>], run: Run, rows: usize, seed: u64) -> Outcome {
    let scores = Scores::new(candidates, &run.records, seed);
    let mut summaries = scores.summaries();
    summaries.sort_by(rank);
    let leader = summaries.first().map(|summary| summary.candidate.name.clone()).unwrap_or_default();
    let comparisons: Vec<_> =
        summaries.iter().skip(1).map(|summary| scores.compare(&leader, &summary.candidate.name)).collect();
    let complete = run.stopped.is_none();
    // A candidate that never got a reward has shown nothing, however the others did.
    let scored = summaries.first().is_some_and(|summary| summary.counts.scored > 0);
    let winner = (complete && scored).then(|| leader.clone());
    Outcome {
        strategy: "select".to_owned(),
        headline: headline(winner.as_deref(), complete, &comparisons),
        candidates: summaries,
        comparisons,
        winner,
        rows,
        stopped: run.stopped.map(|error| error.chain()),
    }
}

/// Better mean first; then the cheaper, then the name, so that the order never depends on chance.
fn rank(one: &Summary, other: &Summary) -> Ordering {
    let mean = |summary: &Summary| {
        let scored = summary.counts.scored > 0;
        summary.reward.filter(|_| scored).map_or(f64::NEG_INFINITY, |reward| reward.mean)
    };
    let cost = |summary: &Summary| summary.usd.map_or(u64::MAX, |usd| usd.picodollars());
    mean(other)
        .total_cmp(&mean(one))
        .then_with(|| cost(one).cmp(&cost(other)))
        .then_with(|| one.candidate.name.cmp(&other.candidate.name))
}

fn headline(winner: Option<&str>, complete: bool, comparisons: &[Comparison]) -> String {
    let Some(winner) = winner else {
        let why = if complete { "no candidate was scored on any row" } else { "the run is not complete" };
        return format!("no verdict: {why}");
    };
    let open: Vec<_> = comparisons
        .iter()
        .filter(|comparison| comparison.verdict != Verdict::Worse)
        .map(|comparison| comparison.candidate.as_str())
        .collect();
    if open.is_empty() {
        format!("{winner} is best: better than every other candidate at 95 % confidence")
    } else {
        format!("{winner} has the best mean, but a difference from {} was not shown", open.join(", "))
    }
}
