//! Losses, gradients and metrics against those of TRL's own code, from `tests/fixtures/losses.py`.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use super::harness::{Case, assert_close, run, wide};
use crate::loss::{DpoSettings, Importance, Overlong, Pair, PolicySettings, Row, Rows, Totals, dpo_loss};

#[derive(Deserialize)]
struct Facts {
    rows: Vec<Vec<u8>>,
    advantages: Vec<f64>,
    max_completion_length: usize,
    inputs: BTreeMap<u32, Inputs>,
    cases: Vec<Trl>,
    dpo: Dpo,
    overlong: Vec<(usize, f64)>,
}

/// Of the trained tokens, row after row.
#[derive(Deserialize)]
struct Inputs {
    log_probs: Vec<f32>,
    entropies: Vec<f32>,
    old: Vec<f32>,
    reference: Vec<f32>,
    sampler: Vec<f32>,
}

#[derive(Deserialize)]
struct Trl {
    name: String,
    settings: Settings,
    seed: u32,
    loss: f64,
    dlog_probs: Vec<f64>,
    dentropies: Vec<f64>,
    metrics: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Settings {
    algorithm: String,
    epsilon_low: Option<f64>,
    epsilon_high: Option<f64>,
    delta: Option<f64>,
    beta: Option<f64>,
    entropy_coef: Option<f64>,
    top_entropy_quantile: Option<f64>,
    off_policy_mask_threshold: Option<f64>,
    importance: Option<String>,
}

#[derive(Deserialize)]
struct Dpo {
    seed: u32,
    beta: f64,
    loss: f64,
    dlog_probs: Vec<f64>,
    reference: Vec<f64>,
    metrics: BTreeMap<String, f64>,
}

impl Facts {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/losses.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn mask(&self) -> Vec<bool> {
        self.rows.concat().iter().map(|trained| *trained == 1).collect()
    }

    /// With numbers in the place of tokens that are not trained, which must not matter.
    fn spread(&self, values: &[f32]) -> Vec<f32> {
        let mut values = values.iter();
        self.mask().iter().map(|trained| if *trained { *values.next().unwrap() } else { -7.5 }).collect()
    }

    fn case(&self, seed: u32) -> Case {
        let inputs = &self.inputs[&seed];
        let row = |(rollout, (mask, advantage)): (usize, (&Vec<u8>, &f64))| Row {
            rollout,
            tokens: mask.len(),
            advantage: *advantage,
            rollout_tokens: mask.iter().filter(|trained| **trained == 1).count(),
        };
        let rows = Rows {
            rows: self.rows.iter().zip(&self.advantages).enumerate().map(row).collect(),
            mask: self.mask(),
            old: Some(self.spread(&inputs.old)),
            reference: Some(self.spread(&inputs.reference)),
            sampler: Some(self.spread(&inputs.sampler)),
        };
        let totals = Totals::new(rows.trained(), rows.rows.len());
        let (log_probs, entropies) = (self.spread(&inputs.log_probs), self.spread(&inputs.entropies));
        Case { rows, totals, log_probs, entropies }
    }

    fn settings(&self, trl: &Settings) -> PolicySettings {
        let importance = match trl.importance.as_deref() {
            Some("token_truncate") => Importance::TokenTruncate { max: 2.0 },
            Some("token_mask") => Importance::TokenMask { min: 0.5, max: 1.5 },
            Some("sequence_truncate") => Importance::SequenceTruncate { max: 2.0 },
            Some("sequence_mask") => Importance::SequenceMask { min: 0.5, max: 1.5 },
            _ => Importance::None,
        };
        PolicySettings {
            algorithm: trl.algorithm.parse().unwrap(),
            epsilon_low: trl.epsilon_low,
            epsilon_high: trl.epsilon_high,
            delta: trl.delta,
            beta: trl.beta.unwrap_or(0.0),
            entropy_coef: trl.entropy_coef.unwrap_or(0.0),
            top_entropy_quantile: trl.top_entropy_quantile.unwrap_or(1.0),
            off_policy_mask_threshold: trl.off_policy_mask_threshold,
            importance,
            max_completion_length: Some(self.max_completion_length),
            ..PolicySettings::default()
        }
    }

    fn trained(&self, values: &[f32]) -> Vec<f64> {
        let trained = values.iter().zip(self.mask()).filter(|(_, trained)| *trained);
        trained.map(|(value, _)| f64::from(*value)).collect()
    }
}

#[test]
fn policy_losses_are_those_of_trl() {
    let facts = Facts::read();
    assert!(facts.cases.len() > 25);
    let (mut clipped, mut compared) = (0, 0);
    for trl in &facts.cases {
        let what = format!("{} ({}) {}", trl.name, trl.settings.algorithm, trl.seed);
        let ours = facts.case(trl.seed).run(&facts.settings(&trl.settings));
        assert_close(&what, &[ours.loss], &[trl.loss], 1e-6);
        assert_close(&what, &facts.trained(&ours.dlog_probs), &trl.dlog_probs, 1e-6);
        assert_close(&what, &facts.trained(&ours.dentropies), &trl.dentropies, 1e-6);
        let untrained = ours.dlog_probs.iter().zip(facts.mask()).filter(|(_, trained)| !trained);
        assert!(untrained.into_iter().all(|(slope, _)| *slope == 0.0), "{what}");
        let named = BTreeMap::from_iter(ours.statistics.named());
        for (name, value) in &trl.metrics {
            // The one clip ratio that TRL calls by its algorithm.
            let name = if name == "cispo_clip_ratio" { "clip_ratio/high_mean" } else { name };
            if let Some(ours) = named.get(name) {
                assert!((ours - value).abs() < 1e-6, "{what}, {name}: {ours}, not {value}");
                compared += 1;
                clipped += usize::from(name == "clip_ratio/region_mean" && *value > 0.0);
            }
        }
    }
    // The fixture must reach what it is for.
    assert!(clipped > 10 && compared > 100, "{clipped} of {compared}");
}

#[test]
fn dpo_is_that_of_trl() {
    let facts = Facts::read();
    let case = facts.case(facts.dpo.seed);
    let tokens = facts.rows[0].len();
    let pairs: Vec<Pair> = facts
        .dpo
        .reference
        .chunks(2)
        .map(|reference| Pair {
            chosen_tokens: tokens,
            rejected_tokens: tokens,
            reference_chosen: reference[0],
            reference_rejected: reference[1],
        })
        .collect();
    let settings = DpoSettings { beta: facts.dpo.beta, ..DpoSettings::default() };
    let mask = facts.mask();
    let ours = run(&case.log_probs, &case.entropies, |outputs| {
        dpo_loss(outputs, &mask, &pairs, pairs.len(), &settings)
    })
    .unwrap();
    assert_close("loss", &[ours.loss], &[facts.dpo.loss], 1e-6);
    assert_close("gradient", &facts.trained(&ours.dlog_probs), &facts.dpo.dlog_probs, 1e-6);
    assert_eq!(wide(&ours.dentropies), vec![0.0; mask.len()]);
    let statistics = ours.statistics;
    for (name, ours) in [
        ("rewards/chosen", statistics.reward_chosen),
        ("rewards/rejected", statistics.reward_rejected),
        ("rewards/accuracies", statistics.accuracy),
        ("rewards/margins", statistics.margin()),
        ("logps/chosen", statistics.log_prob_chosen),
        ("logps/rejected", statistics.log_prob_rejected),
    ] {
        let exact = facts.dpo.metrics[name];
        assert!((ours - exact).abs() < 1e-6, "{name}: {ours}, not {exact}");
    }
}

#[test]
fn the_overlong_penalty_is_that_of_trl() {
    let overlong = Overlong { limit: 100, cache: 20 };
    for (tokens, penalty) in Facts::read().overlong {
        assert_eq!(overlong.penalty(tokens), penalty, "{tokens} tokens");
    }
}
