//! The rollouts of a step: groups of the same row, through the ordinary engine.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    WeightsTuning,
    capture::{Answers, Captured, capture},
    draw,
    state::Draws,
};
use crate::{
    candidate::{Candidate, SlotValue},
    error::{Error, Result},
    model::Sampling,
    rollout::{Job, Record},
    strategy::Inputs,
};

/// The rollouts of one row.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Its place in the training set.
    pub(super) row: usize,
    /// In the order of their attempts.
    pub(super) rollouts: Vec<Captured>,
}

impl Group {
    /// Rewards of the rollouts that say something about the policy.
    pub(super) fn rewards(&self) -> Vec<f64> {
        self.rollouts.iter().filter_map(|rollout| rollout.reward).collect()
    }

    /// Whether there is nothing to compare.
    pub(super) fn is_flat(&self) -> bool {
        let rewards = self.rewards();
        rewards.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 1e-8)
    }
}

/// What was sampled for a step.
#[derive(Debug)]
pub(super) struct Sampled {
    pub(super) groups: Vec<Group>,
    /// Of the weights that sampled it.
    pub(super) version: u64,
    pub(super) took: Duration,
    /// Why there is no more of it.
    pub(super) stopped: Option<Error>,
}

/// The policy after `version` steps, as training samples it.
pub(super) fn trained(settings: &WeightsTuning, version: u64) -> Arc<Candidate> {
    candidate(settings, format!("step {version}, training"), version, undistorted(settings))
}

/// Draws from the whole distribution, at the temperature of training.
pub(super) fn undistorted(settings: &WeightsTuning) -> Sampling {
    let neutral = [("min_p", 0.0), ("repetition_penalty", 1.0)];
    Sampling {
        temperature: Some(settings.temperature),
        top_p: Some(1.0),
        top_k: Some(0),
        max_tokens: settings.max_tokens,
        extra: neutral.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        ..Sampling::default()
    }
}

/// The policy after `version` steps, as it is measured.
pub(super) fn measured(settings: &WeightsTuning, version: u64) -> Arc<Candidate> {
    let max_tokens = Sampling { max_tokens: settings.max_tokens, ..Sampling::default() };
    candidate(settings, format!("step {version}"), version, settings.eval_sampling.clone().or(&max_tokens))
}

fn candidate(settings: &WeightsTuning, name: String, version: u64, sampling: Sampling) -> Arc<Candidate> {
    let value = SlotValue::Model { name: settings.model.clone(), sampling, version: Some(version) };
    Arc::new(Candidate::new(name).with(settings.slot.clone(), value))
}

/// Draws rows and runs a group of each with the weights after `version` steps, which the engine holds; advances `draws`.
///
/// # Errors
/// As [`Engine::run`](crate::rollout::Engine::run), and when an answer cannot be learnt from.
pub(super) async fn sample(
    settings: &WeightsTuning,
    inputs: &Inputs<'_>,
    version: u64,
    draws: &mut Draws,
) -> Result<Sampled> {
    let began = Instant::now();
    let mut sampled = Sampled { groups: Vec::new(), version, took: Duration::ZERO, stopped: None };
    let mut attempts: HashMap<usize, u32> = HashMap::new();
    for _ in 0..=settings.dynamic_sampling {
        let wanted = settings
            .batch_size
            .saturating_sub(sampled.groups.iter().filter(|group| !group.is_flat()).count());
        if wanted == 0 || sampled.stopped.is_some() {
            break;
        }
        let rows = next_rows(settings, inputs, draws, wanted);
        match run_groups(settings, inputs, version, &rows, &mut attempts).await? {
            Ok(groups) => sampled.groups.extend(groups),
            Err(stopped) => sampled.stopped = Some(stopped),
        }
    }
    for group in &sampled.groups {
        draws.spread.entry(group.row).or_default().note(&group.rewards());
        draws.tokens += group.rollouts.iter().map(|rollout| rollout.sampled as u64).sum::<u64>();
    }
    sampled.took = began.elapsed();
    Ok(sampled)
}

fn next_rows(settings: &WeightsTuning, inputs: &Inputs<'_>, draws: &mut Draws, count: usize) -> Vec<usize> {
    let (there, seed) = (inputs.train.len(), inputs.engine.seed());
    if settings.curriculum {
        let rows = draw::telling_rows(there, draws.drawn, count, seed, &draws.spread);
        draws.drawn += draw::offered(count) as u64;
        return rows;
    }
    let rows = draw::rows(there, draws.drawn, count, seed);
    draws.drawn += count as u64;
    rows
}

/// Runs a group of each row, and replaces once what says nothing about the policy; or why the run was stopped.
async fn run_groups(
    settings: &WeightsTuning,
    inputs: &Inputs<'_>,
    version: u64,
    rows: &[usize],
    attempts: &mut HashMap<usize, u32>,
) -> Result<Result<Vec<Group>, Error>> {
    let candidate = trained(settings, version);
    let mut groups: Vec<Group> = rows.iter().map(|row| Group { row: *row, rollouts: Vec::new() }).collect();
    for _ in 0..2 {
        let mut places = Vec::new();
        let mut jobs = Vec::new();
        for (place, group) in groups.iter().enumerate() {
            let missing = (settings.group_size as usize).saturating_sub(group.rewards().len());
            for _ in 0..missing {
                let attempt = attempts.entry(group.row).or_default();
                let task = Arc::clone(&inputs.train[group.row]);
                jobs.push(Job { candidate: Arc::clone(&candidate), task, attempt: *attempt });
                places.push(place);
                *attempt += 1;
            }
        }
        if jobs.is_empty() {
            break;
        }
        inputs.engine.expect(jobs.len());
        // Whatever was kept of measurements is of no more use.
        drop(inputs.engine.take_answers());
        let run = inputs.engine.run_once(jobs).await?;
        if let Some(stopped) = run.stopped {
            return Ok(Err(stopped));
        }
        let mut answers = inputs.engine.take_answers();
        for (place, record) in places.into_iter().zip(&run.records) {
            groups[place].rollouts.push(captured(settings, inputs, &mut answers, record)?);
        }
    }
    Ok(Ok(groups))
}

fn captured(
    settings: &WeightsTuning,
    inputs: &Inputs<'_>,
    answers: &mut Answers,
    record: &Record,
) -> Result<Captured> {
    capture(settings, inputs.engine.store(), answers, record).map_err(|error| {
        Error::new(error.kind(), format!("rollout {} of {}", record.attempt, record.task_id))
            .with_source(error)
    })
}
