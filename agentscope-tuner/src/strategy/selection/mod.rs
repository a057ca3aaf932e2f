//! Which candidate is best: a race on the same rows, in which those that are shown worse leave early.
//!
//! [`Race`] and [`against`] are the decisions themselves, pure functions of a score matrix; the bench `selection` checks
//! what they promise on simulated worlds.

mod confirm;
mod course;
mod decide;
mod duel;
mod evidence;
mod front;
mod objective;
mod plan;
mod race;
#[cfg(test)]
mod tests;
mod track;

use std::sync::{Arc, Mutex};

use confirm::Confirming;
pub use confirm::{cross_fit, spare};
pub use course::{Course, Lane, Point};
pub use evidence::{Evidence, against, leader};
use futures_util::future::BoxFuture;
pub use objective::Objective;
use plan::Plan;
pub use race::{Departure, Pressure, Race, Row, Rules};
use track::{Jobs, Track, lock};

use super::{Inputs, Outcome, Strategy, scores::Scores, statistics::CONFIDENCE};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Result},
    rollout::{Allowance, Run, Store, Task},
};

/// Races candidates and chooses the cheapest that is not worse than the best: the verb `select`.
#[derive(Clone, Debug)]
pub struct ModelSelection {
    /// The candidates, at least two, each of its own name.
    pub candidates: Vec<Candidate>,
    /// How often each row is run, at least 1. The runs of a row are averaged: more of them are no more rows.
    pub repeats: u32,
    /// Confidence, epsilon, and whether all rows are run for all.
    pub rules: Rules,
    /// A column of the rows; rows that share its value count as one draw.
    pub cluster: Option<String>,
    /// Share of the rows on which the winner is measured again, so that its estimate is not the luck that chose it: rows
    /// that the race left over, one run each. Where it left too few, the choice is cross-fitted on all rows, which costs
    /// nothing. 0 to 0.5; 0 for no such estimate.
    pub holdout: f64,
    /// Largest share of a candidate's rollouts that an endpoint or the judge may have failed, 0 to 1.
    pub failure_share: f64,
    /// What is to be large.
    pub objective: Objective,
    /// The hard budget of the run: where all rows would not fit into it, the worse half leaves by and by.
    pub allowance: Allowance,
}

impl Default for ModelSelection {
    fn default() -> Self {
        Self {
            candidates: Vec::new(),
            repeats: 1,
            rules: Rules::default(),
            cluster: None,
            holdout: 0.1,
            failure_share: 0.1,
            objective: Objective::default(),
            allowance: Allowance::default(),
        }
    }
}

impl ModelSelection {
    /// One candidate for each of `models` in `slot`, each row run once.
    pub fn of_models(slot: &SlotPath, models: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let candidate =
            |name: String| Candidate::new(name.clone()).with(slot.clone(), SlotValue::model(name));
        let candidates = models.into_iter().map(Into::into).map(candidate).collect();
        Self { candidates, ..Self::default() }
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
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return usage(format!("two candidates are named `{}`: name each once", pair[0]));
        }
        let Rules { confidence, epsilon, .. } = self.rules;
        let faults = [
            (!(0.5..1.0).contains(&confidence)).then_some("confidence must be at least 0.5 and below 1"),
            (!(epsilon.is_finite() && epsilon >= 0.0)).then_some("epsilon must be at least 0"),
            (!(0.0..=0.5).contains(&self.holdout)).then_some("holdout must be 0 to 0.5"),
            (!(0.0..=1.0).contains(&self.failure_share)).then_some("failure-share must be 0 to 1"),
        ];
        let faults = faults.into_iter().flatten().map(str::to_owned).chain(self.objective.fault());
        match faults.collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            faults => usage(format!("[strategy.select] {}", faults.join("; "))),
        }
    }

    /// How the race went whose run `store` keeps, as far as it is; `None` where there was none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when it cannot be read.
    pub fn course(store: &Store) -> Result<Option<Course>> {
        let read = |json: String| {
            serde_json::from_str(&json).map_err(|error| {
                Error::new(ErrorKind::Store, "the course of the race cannot be read").with_source(error)
            })
        };
        store.meta(course::FACT)?.map(read).transpose()
    }

    fn plan(&self, tasks: &[Arc<Task>], seed: u64) -> Result<Plan> {
        let candidates = self.candidates.iter().cloned().map(Arc::new).collect();
        Plan::new(candidates, tasks, self.cluster.as_deref(), self.holdout, self.repeats.max(1), seed)
    }
}

impl Strategy for ModelSelection {
    fn name(&self) -> &'static str {
        "select"
    }

    fn run<'a>(&'a self, inputs: Inputs<'a>) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            let Inputs { engine, eval: tasks, .. } = inputs;
            self.check()?;
            let seed = engine.seed();
            let plan = self.plan(tasks, seed)?;
            // Responses that are compared with each other need one of every candidate, on every row.
            let rules = Rules { full: self.rules.full || engine.compares(), ..self.rules };
            let settings = &Self { rules, ..self.clone() };
            let track = Mutex::new(Track::new(&plan, settings, seed));
            let jobs = Jobs { track: &track, engine };
            let Run { mut records, mut stopped } =
                engine.run(jobs, |record| lock(&track).note(record)).await?;
            let track = track.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            let decision = decide::decide(settings, &plan, &track, &records, stopped.is_some(), seed);

            let mut confirmed = None;
            if let Some(choice) = decision.choice().filter(|_| stopped.is_none()) {
                let again = confirm::again(&plan, &track, choice, &records);
                if !again.is_empty() {
                    engine.expect(again.len());
                    let run = engine.run(again, |_| {}).await?;
                    records.extend(run.records);
                    stopped = run.stopped;
                }
                confirmed = Some(confirm::confirming(&plan, &track, choice, &records));
            }
            let confidence = rules.confidence;
            let confirmed = confirmed.and_then(|Confirming { records, how }| {
                let scores = Scores::new(&plan.candidates, &records, seed).with(confidence, &plan.clusters);
                Some((scores.reward(&plan.candidates[decision.winner?].name)?, how))
            });
            let scores = Scores::new(&plan.candidates, &records, seed).with(confidence, &plan.clusters);
            let outcome = decision.outcome(settings, &track, &scores, confirmed, tasks.len());
            Ok(Outcome { stopped: stopped.map(|error| error.chain()), ..outcome })
        })
    }
}
