//! A race under way: hands out rollouts, takes their results, and looks when all of a prefix have ended.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    ModelSelection, Objective,
    course::{Course, FACT},
    plan::Plan,
    race::{Pressure, Race, Row},
};
use crate::{
    rollout::{Allowance, Engine, Job, Record},
    strategy::statistics::mean,
    workflow::Spent,
};

/// What a race needs of a finished rollout.
#[derive(Clone, Copy, Debug)]
struct End {
    counts: bool,
    reward: Option<f64>,
    /// Weight of the reward, and the rest of the objective.
    parts: Option<(f64, f64)>,
    spent: Spent,
    judge_spent: Spent,
}

/// The state of a race.
#[derive(Debug)]
pub(super) struct Track<'a> {
    plan: &'a Plan,
    objective: &'a Objective,
    allowance: Allowance,
    pub(super) race: Race,
    course: Course,
    seed: u64,
    places: (HashMap<&'a str, usize>, HashMap<&'a str, usize>),
    /// By row, candidate and attempt.
    ends: Vec<Option<End>>,
    issued: Vec<usize>,
    queue: VecDeque<Job>,
}

impl<'a> Track<'a> {
    pub(super) fn new(plan: &'a Plan, selection: &'a ModelSelection, seed: u64) -> Self {
        let ModelSelection { objective, allowance, rules, .. } = selection;
        let candidates = plan.candidates.len();
        let rows = plan.rows.iter().enumerate().map(|(row, task)| (task.id.as_str(), row));
        let names = plan.candidates.iter().enumerate().map(|(at, candidate)| (candidate.name.as_str(), at));
        Self {
            plan,
            objective,
            allowance: *allowance,
            race: Race::new(candidates, &plan.units, *rules),
            course: Course::new(plan.candidates.iter().map(|one| one.name.clone()), rules.confidence),
            seed,
            places: (rows.collect(), names.collect()),
            ends: vec![None; plan.rows.len() * candidates * plan.repeats as usize],
            issued: vec![0; candidates],
            queue: VecDeque::new(),
        }
    }

    /// Takes the result of a rollout.
    pub(super) fn note(&mut self, record: &Record) {
        let (rows, candidates) = &self.places;
        let found = rows.get(record.task_id.as_str()).zip(candidates.get(record.candidate.as_str()));
        if let Some((row, candidate)) = found {
            let place = self.cell(*row, *candidate) + record.attempt as usize;
            self.ends[place] = Some(End {
                counts: record.status.counts(),
                reward: record.reward,
                parts: self.objective.parts(record),
                spent: record.spent,
                judge_spent: record.judge_spent,
            });
        }
    }

    /// The next rollout; `None` while the rows before a look have not all ended, and when the race is over.
    fn next(&mut self, engine: &Engine) -> Option<Job> {
        loop {
            if let Some(job) = self.queue.pop_front() {
                return Some(job);
            }
            self.fill();
            engine.expect(self.queue.len());
            if self.queue.is_empty() {
                let rows = self.race.next_look()?;
                if !self.has_ended(rows) {
                    return None;
                }
                self.look(rows);
                self.keep(engine);
            }
        }
    }

    /// Queues what is cleared, row by row.
    fn fill(&mut self) {
        let candidates = self.plan.candidates.len();
        let from = self.issued.iter().copied().min().unwrap_or_default();
        let to = (0..candidates).map(|one| self.race.cleared(one)).max().unwrap_or_default();
        for row in from..to {
            for attempt in 0..self.plan.repeats {
                let due = |one: &usize| row >= self.issued[*one] && row < self.race.cleared(*one);
                let jobs = (0..candidates).filter(due).map(|one| Job {
                    candidate: Arc::clone(&self.plan.candidates[one]),
                    task: Arc::clone(&self.plan.rows[row]),
                    attempt,
                });
                self.queue.extend(jobs);
            }
        }
        self.issued = (0..candidates).map(|one| self.race.cleared(one)).collect();
    }

    fn has_ended(&self, rows: usize) -> bool {
        let active = self.race.active();
        (0..rows).all(|row| active.iter().all(|one| self.of(row, *one).iter().all(Option::is_some)))
    }

    fn look(&mut self, seen: usize) {
        let rows = self.rows(seen);
        if rows.iter().flatten().all(Option::is_none) {
            // Nothing counts after the first look: more rows would cost and show as little.
            return self.race.abandon();
        }
        let costs: Vec<_> = (0..self.plan.candidates.len()).map(|one| self.cost(one, seen)).collect();
        let pressure = self.pressure();
        self.race.look(&rows, &costs, pressure);
        self.course.follow(&self.race, &rows, &self.plan.units, self.seed);
    }

    /// Keeps the course so far. A store that cannot be written ends the run by itself.
    fn keep(&self, engine: &Engine) {
        if let Ok(json) = serde_json::to_string(&self.course) {
            _ = engine.store().put_meta(FACT, &json);
        }
    }

    /// The first `seen` rows of the score matrix. A failed rollout counts as the worst reward, at most 0.
    pub(super) fn rows(&self, seen: usize) -> Vec<Row> {
        let candidates = self.plan.candidates.len();
        let prefix = &self.ends[..self.cell(seen, 0)];
        let failure = prefix.iter().flatten().filter_map(|end| end.reward).fold(0.0, f64::min);
        let scored: Vec<bool> = (0..candidates).map(|one| self.has_scored(one, seen)).collect();
        let value = |row, one: usize| {
            // Failing fast must not win a race for the lowest cost.
            let may = scored[one] || self.objective.is_quality();
            let ends = self.of(row, one).iter().flatten().filter(|end| end.counts && may);
            let value =
                |(weight, rest): (f64, f64), end: &End| weight.mul_add(end.reward.unwrap_or(failure), rest);
            mean(&ends.filter_map(|end| Some(value(end.parts?, end))).collect::<Vec<_>>())
        };
        (0..seen).map(|row| (0..candidates).map(|one| value(row, one)).collect()).collect()
    }

    /// Whether a candidate got a reward on one of the first `seen` rows.
    pub(super) fn has_scored(&self, candidate: usize, seen: usize) -> bool {
        (0..seen)
            .any(|row| self.of(row, candidate).iter().flatten().any(|end| end.counts && end.reward.is_some()))
    }

    /// Mean dollars of a rollout on the first `seen` rows; `None` when not known of each.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub(super) fn cost(&self, candidate: usize, seen: usize) -> Option<f64> {
        let ends = (0..seen).flat_map(|row| self.of(row, candidate)).flatten();
        let costs: Option<Vec<u64>> =
            ends.map(|end| end.spent.known_usd().map(|usd| usd.picodollars())).collect();
        costs.filter(|costs| !costs.is_empty()).map(|costs| {
            costs.iter().map(|pico| u128::from(*pico)).sum::<u128>() as f64 / 1e12 / costs.len() as f64
        })
    }

    /// How near the budget is: by the limit that is nearest.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn pressure(&self) -> Option<Pressure> {
        let Allowance { calls, tokens, usd } = self.allowance;
        let mut all = Spent::default();
        for end in self.ends.iter().flatten() {
            all += end.spent;
            all += end.judge_spent;
        }
        let shares = [
            calls.map(|limit| all.calls as f64 / limit as f64),
            tokens.map(|limit| all.usage.total() as f64 / limit as f64),
            usd.map(|limit| all.usd.dollars() / limit.dollars()),
        ];
        let spent = shares.into_iter().flatten().reduce(f64::max)?;
        let rows: usize = self.issued.iter().sum();
        Some(Pressure { spent, per_row: spent / rows.max(1) as f64 })
    }

    fn of(&self, row: usize, candidate: usize) -> &[Option<End>] {
        let from = self.cell(row, candidate);
        &self.ends[from..from + self.plan.repeats as usize]
    }

    fn cell(&self, row: usize, candidate: usize) -> usize {
        (row * self.plan.candidates.len() + candidate) * self.plan.repeats as usize
    }
}

/// Draws the jobs of a race. It has none while it waits for a look, and more afterwards: the engine asks again whenever a
/// rollout has ended.
pub(super) struct Jobs<'t, 'a> {
    pub(super) track: &'t Mutex<Track<'a>>,
    pub(super) engine: &'t Engine,
}

impl Iterator for Jobs<'_, '_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        lock(self.track).next(self.engine)
    }
}

pub(super) fn lock<'t, 'a>(track: &'t Mutex<Track<'a>>) -> MutexGuard<'t, Track<'a>> {
    track.lock().unwrap_or_else(PoisonError::into_inner)
}
