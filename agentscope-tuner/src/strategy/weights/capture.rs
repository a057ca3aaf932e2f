//! From a finished rollout to what it teaches: its reward, and the exact tokens of the calls that are trained.

use std::collections::HashMap;

use policy::trajectory::{Trajectories, Turn};

use super::{Truncated, WeightsTuning, policy};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{FinishReason, Sampling},
    rollout::{Answered, Key, Record, Status, Store},
};

/// Answers that are still in memory, by their keys in the store.
pub(super) type Answers = HashMap<Key, Answered>;

/// A rollout, as the trainer sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured {
    /// What it is worth, penalties included; none where that says nothing about the policy.
    pub(super) reward: Option<f64>,
    /// Its rows, with the tokens to train.
    pub(super) rows: Trajectories,
    /// Tokens that the policy sampled.
    pub(super) sampled: usize,
    /// Whether an answer was cut off.
    pub(super) truncated: bool,
}

/// Reads the trained calls of `record`.
///
/// # Errors
/// When an answer has no exact tokens, or was drawn from another distribution than the one that is trained.
pub(super) fn capture(
    settings: &WeightsTuning,
    store: &Store,
    answers: &mut Answers,
    record: &Record,
) -> Result<Captured> {
    let slot = settings.slot.to_string();
    let mut turns = Vec::new();
    let (mut sampled, mut longest, mut truncated) = (0, 0, record.limit.is_some());
    for call in record.calls.iter().filter(|call| *call.slot == slot) {
        let Some(Answered { sampling, response }) = answered(store, answers, &call.key)? else { continue };
        check_sampling(settings, &sampling)?;
        let cut = response.finish == FinishReason::Length;
        truncated |= cut;
        let trace = response.tokens.ok_or_else(no_tokens)?;
        sampled += trace.ids.len();
        longest = longest.max(trace.ids.len());
        let log_probs = match cut && settings.truncated == Truncated::Mask {
            // What has no log-probability is not trained.
            true => Vec::new(),
            false => trace.logprobs,
        };
        turns.push(Turn { prompt: trace.prompt_ids, sampled: trace.ids, log_probs });
    }
    let mut rows = Trajectories::merge(&turns, settings.drift);
    for row in &mut rows.rows {
        row.mask
            .iter_mut()
            .zip(&row.log_probs)
            .for_each(|(trained, log_prob)| *trained &= !log_prob.is_nan());
    }
    let reward = reward(settings, record, truncated).map(|reward| reward + penalty(settings, longest));
    Ok(Captured { reward, rows, sampled, truncated })
}

/// The answer of this key: from memory, or from the store where the rollout was found in the journal.
fn answered(store: &Store, answers: &mut Answers, key: &Key) -> Result<Option<Answered>> {
    match answers.remove(key) {
        Some(answered) => Ok(Some(answered)),
        None => Ok(store
            .call(key)?
            .map(|call| Answered { sampling: call.request.sampling, response: call.response })),
    }
}

/// What the rollout counts: task failures are the policy's, other failures nobody's.
fn reward(settings: &WeightsTuning, record: &Record, truncated: bool) -> Option<f64> {
    if truncated && settings.truncated == Truncated::Drop {
        return None;
    }
    match record.status {
        Status::Scored => record.reward,
        Status::TaskFailed => Some(settings.failure_reward),
        Status::InfrastructureFailed | Status::JudgeFailed => None,
    }
}

fn penalty(settings: &WeightsTuning, tokens: usize) -> f64 {
    settings.overlong.map_or(0.0, |overlong| overlong.penalty(tokens))
}

/// The trainer computes log-probabilities at one temperature over the whole vocabulary: a workflow that samples otherwise
/// would be trained towards something that it never did.
fn check_sampling(settings: &WeightsTuning, sampling: &Sampling) -> Result<()> {
    let temperature = sampling.temperature.unwrap_or(1.0);
    let bends = sampling.top_p.is_some_and(|p| p < 1.0)
        || sampling.top_k.is_some_and(|k| k > 0)
        || ["min_p", "repetition_penalty"].iter().any(|name| {
            let neutral = if *name == "min_p" { 0.0 } else { 1.0 };
            sampling
                .extra
                .get(*name)
                .and_then(serde_json::Value::as_f64)
                .is_some_and(|value| value != neutral)
        });
    if (temperature - settings.temperature).abs() < 1e-9 && !bends {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Workflow,
        format!(
            "the workflow sets its own sampling for slot {} (temperature {temperature}{}): leave it to the run, which samples at temperature {} from the whole distribution",
            settings.slot,
            if bends { ", and it leaves tokens out" } else { "" },
            settings.temperature
        ),
    ))
}

fn no_tokens() -> Error {
    let message = "an answer of the trained model came without its exact tokens and log-probabilities, so nothing can be learnt from it: train an embedded model, sampled in this process or by strategy.weights.sampler";
    Error::new(ErrorKind::Config, message)
}
