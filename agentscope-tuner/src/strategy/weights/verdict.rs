//! What training came to, on rows that chose nothing.

use std::{collections::BTreeMap, sync::Arc};

use super::WeightsTuning;
use crate::{
    candidate::Candidate,
    rollout::Record,
    strategy::{
        Comparison, Outcome, Verdict, percent,
        scores::Scores,
        statistics::{self, Estimate, Unit},
    },
};

/// A policy and its rollouts on the confirming rows.
pub(super) type Confirmed = (Arc<Candidate>, Vec<Arc<Record>>);

/// The trained policy against the one that training began with.
pub(super) fn outcome(
    settings: &WeightsTuning,
    (first, before): Confirmed,
    best: Option<Confirmed>,
    rows: usize,
    seed: u64,
) -> Outcome {
    let Some((best, after)) = best else {
        return unchanged(settings, &first, &before, rows, seed);
    };
    let candidates = [best, first];
    let records: Vec<_> = after.into_iter().chain(before).collect();
    let no_clusters = BTreeMap::new();
    let scores = Scores::new(&candidates, &records, seed).with(settings.confidence, &no_clusters);
    let differences = differences(&scores, &candidates);
    let units: Vec<Unit> = differences.iter().copied().map(Unit::from).collect();
    let gain = statistics::difference(&differences, &units, settings.confidence, seed);
    let p = statistics::paired_p(&differences, &units, seed);
    let is_better = gain.is_some_and(|gain| gain.low > 0.0);
    let [best, first] = [0, 1].map(|place| scores.name(place));
    let winner = if is_better { best.clone() } else { first.clone() };
    let comparison = Comparison {
        candidate: first,
        leader: best.clone(),
        difference: gain,
        p,
        adjusted: p,
        detectable: statistics::deviation(&differences).and_then(|deviation| {
            statistics::detectable_effect(deviation, differences.len(), 1.0 - settings.confidence)
                .filter(|effect| *effect > 0.0)
        }),
        verdict: if is_better { Verdict::Worse } else { Verdict::NotShown },
    };
    Outcome {
        headline: headline(settings, &best, gain),
        confirmed: scores.reward(&winner),
        candidates: scores.summaries(),
        comparisons: vec![comparison],
        winner: Some(winner),
        ..empty(settings, rows)
    }
}

fn headline(settings: &WeightsTuning, best: &str, gain: Option<Estimate>) -> String {
    let Some(Estimate { mean, low, high, n }) = gain else {
        return "no verdict: no held-out row counts for both".to_owned();
    };
    let interval = format!("{mean:+.3} ({low:+.3} to {high:+.3}, {} %)", percent(settings.confidence));
    if low > 0.0 {
        format!(
            "{best} is better than the model it began with: {interval} on {n} held-out rows that chose nothing"
        )
    } else {
        format!(
            "no gain was shown: {best} against the model it began with is {interval} on {n} held-out rows; keep the old weights, or train and measure on more rows"
        )
    }
}

/// No measurement was better than the first.
fn unchanged(
    settings: &WeightsTuning,
    first: &Arc<Candidate>,
    before: &[Arc<Record>],
    rows: usize,
    seed: u64,
) -> Outcome {
    let candidates = [Arc::clone(first)];
    let no_clusters = BTreeMap::new();
    let scores = Scores::new(&candidates, before, seed).with(settings.confidence, &no_clusters);
    Outcome {
        headline: "no gain was shown: no checkpoint did better than the model that training began with"
            .to_owned(),
        candidates: scores.summaries(),
        winner: Some(first.name.clone()),
        confirmed: scores.reward(&first.name),
        ..empty(settings, rows)
    }
}

/// What a run that was stopped has to say.
pub(super) fn stopped(settings: &WeightsTuning, why: String, version: u64, rows: usize) -> Outcome {
    Outcome {
        headline: format!("not finished: {version} steps were taken"),
        stopped: Some(why),
        ..empty(settings, rows)
    }
}

fn empty(settings: &WeightsTuning, rows: usize) -> Outcome {
    Outcome {
        strategy: "weights".to_owned(),
        candidates: Vec::new(),
        comparisons: Vec::new(),
        winner: None,
        front: Vec::new(),
        confirmed: None,
        weighing: None,
        confidence: settings.confidence,
        headline: String::new(),
        rows,
        stopped: None,
    }
}

/// Row by row, the first candidate's reward less the second's.
fn differences(scores: &Scores<'_>, candidates: &[Arc<Candidate>; 2]) -> Vec<f64> {
    let [ours, theirs] = candidates.each_ref().map(|candidate| scores.rows(&candidate.name));
    ours.iter().filter_map(|(row, ours)| Some(ours - theirs.get(row)?)).collect()
}
