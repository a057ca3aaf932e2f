//! How tokens are drawn: the request's settings, then the model's own.

use std::{collections::hash_map::RandomState, hash::BuildHasher as _};

use policy::{config::GenerationConfig, engine};
use serde_json::Value;

use super::policy;
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::Sampling,
};

/// Fields of [`Sampling::extra`] that mean something here.
const EXTRA: [&str; 3] = ["chat_template_kwargs", "min_p", "repetition_penalty"];

/// Refuses what an embedded model would have to ignore.
pub(super) fn check(sampling: &Sampling) -> Result<()> {
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let mut faults = Vec::new();
    if penalty(sampling.presence_penalty) || penalty(sampling.frequency_penalty) {
        faults.push(
            "presence and frequency penalties are not for embedded models; use extra.repetition_penalty"
                .to_owned(),
        );
    }
    for name in sampling.extra.keys().filter(|name| !EXTRA.contains(&name.as_str())) {
        faults.push(format!("extra.{name} means nothing to an embedded model; known: {}", EXTRA.join(", ")));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Model(ModelFailure::Request), faults.join("; "))),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the engine computes in f32")]
pub(super) fn of(asked: &Sampling, own: &GenerationConfig) -> engine::Sampling {
    let extra = |name: &str| asked.extra.get(name).and_then(Value::as_f64);
    let narrow = |value: Option<f64>| value.map(|value| value as f32);
    let greedy = own.do_sample == Some(false);
    let temperature = if greedy { 0.0 } else { own.temperature.unwrap_or(1.0) };
    engine::Sampling {
        temperature: narrow(asked.temperature).unwrap_or(temperature),
        top_p: narrow(asked.top_p).or(own.top_p).unwrap_or(1.0),
        top_k: asked.top_k.map(|k| k as usize).or(own.top_k).filter(|k| *k > 0),
        min_p: narrow(extra("min_p")).or(own.min_p).unwrap_or(0.0),
        repetition_penalty: narrow(extra("repetition_penalty")).or(own.repetition_penalty).unwrap_or(1.0),
        // Without a seed every answer is another one.
        seed: asked.seed.unwrap_or_else(|| RandomState::new().hash_one(0)),
    }
}
