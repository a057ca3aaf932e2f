//! The table of candidates, and the figures above it.

use serde::Serialize;

use super::material::Material;
use crate::{
    candidate::SlotValue,
    report::{
        spending,
        table::{compared, departed, failed, left_out, seconds, weighing_lines},
    },
    rollout::Status,
    strategy::{Outcome, Summary, Weighing, percent, statistics::Estimate},
};

/// A figure of the headline.
#[derive(Debug, Serialize)]
pub(super) struct Tile {
    label: String,
    value: String,
    note: String,
}

/// A candidate.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    colour: usize,
    /// `chosen`, or what the comparison with the leader showed.
    verdict: String,
    mean: String,
    interval: String,
    /// Place of the mean and of the ends of its interval in a bar of 100.
    bar: Option<(f64, f64, f64)>,
    rows: usize,
    failed: String,
    left_out: String,
    tokens: u64,
    cost: String,
    p50: String,
    p95: String,
    metrics: Vec<(String, String)>,
    slots: Vec<(String, String)>,
}

/// Candidates side by side in all that counts.
#[derive(Debug, Serialize)]
pub(super) struct Weighed<'a> {
    candidates: &'a [String],
    rows: usize,
    /// What counts, its weight, its mean by candidate.
    lines: Vec<Vec<String>>,
}

pub(super) fn weighed(weighing: &Weighing) -> Weighed<'_> {
    let Weighing { candidates, rows, .. } = weighing;
    Weighed { candidates, rows: *rows, lines: weighing_lines(weighing) }
}

/// What is said first.
pub(super) fn tiles(material: &Material) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some(outcome) = &material.outcome {
        let confidence = percent(outcome.confidence);
        let interval = |one: &Estimate| {
            format!("{:.3} to {:.3}, {confidence} % interval, {} rows", one.low, one.high, one.n)
        };
        if let Some(confirmed) = &outcome.confirmed {
            let label = "Winner, on rows that did not choose it".to_owned();
            tiles.push(Tile { label, value: format!("{:.3}", confirmed.mean), note: interval(confirmed) });
        }
        let best = outcome.candidates.iter().find(|one| outcome.winner.as_ref() == Some(&one.candidate.name));
        if let Some((best, reward)) =
            best.or(outcome.candidates.first()).and_then(|one| Some((one, one.reward?)))
        {
            let label = format!("Mean reward of {}", best.candidate.name);
            tiles.push(Tile { label, value: format!("{:.3}", reward.mean), note: interval(&reward) });
        }
    }
    tiles.push(spent(material));
    tiles.push(rollouts(material));
    tiles
}

fn spent(material: &Material) -> Tile {
    let text = spending(&material.spent);
    let text = text.trim_start_matches("spent: ");
    let (calls, rest) = text.split_once(", ").unwrap_or((text, ""));
    let (tokens, cost) = rest.split_once(", ").unwrap_or((rest, ""));
    let (cost, unknown) = cost
        .split_once(" and ")
        .map_or((cost, String::new()), |(cost, unknown)| (cost, format!(", {unknown}")));
    Tile { label: "Spent".to_owned(), value: cost.to_owned(), note: format!("{calls}, {tokens}{unknown}") }
}

fn rollouts(material: &Material) -> Tile {
    let count =
        |is: fn(Status) -> bool| material.records.iter().filter(|(_, record)| is(record.status)).count();
    let failed = count(|status| status == Status::TaskFailed);
    let excluded = count(|status| !status.counts());
    let note = format!("{} scored, {failed} failed, {excluded} left out", count(|one| one == Status::Scored));
    Tile { label: "Rollouts".to_owned(), value: material.records.len().to_string(), note }
}

/// The rows of the table, best first.
pub(super) fn rows(outcome: &Outcome, colour: impl Fn(&str) -> usize) -> Vec<Row> {
    let ends = outcome.candidates.iter().filter_map(|one| one.reward).flat_map(|one| [one.low, one.high]);
    let finite: Vec<f64> = ends.filter(|end| end.is_finite()).chain([0.0, 1.0]).collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let place = |value: f64| ((value - low) / (high - low) * 100.0).clamp(0.0, 100.0);
    outcome.candidates.iter().map(|one| row(one, outcome, &place, colour(&one.candidate.name))).collect()
}

fn row(summary: &Summary, outcome: &Outcome, place: &impl Fn(f64) -> f64, colour: usize) -> Row {
    let reward = summary.reward;
    let time = |of: fn(&crate::strategy::Latency) -> f64| {
        summary.latency.as_ref().map_or_else(String::new, |latency| seconds(of(latency)))
    };
    Row {
        name: summary.candidate.name.clone(),
        colour,
        verdict: verdict(summary, outcome),
        mean: reward.map_or_else(|| "none".to_owned(), |one| format!("{:.3}", one.mean)),
        interval: reward.map_or_else(String::new, |one| format!("{:.3} to {:.3}", one.low, one.high)),
        bar: reward.map(|one| (place(one.low), place(one.mean), place(one.high))),
        rows: reward.map_or(0, |one| one.n),
        failed: failed(&summary.counts),
        left_out: left_out(&summary.counts),
        tokens: summary.tokens.0 + summary.tokens.1,
        cost: summary.usd.map_or_else(|| "unknown".to_owned(), |usd| usd.to_string()),
        p50: time(|latency| latency.p50),
        p95: time(|latency| latency.p95),
        metrics: summary.metrics.iter().map(|(name, value)| (name.clone(), format!("{value:.4}"))).collect(),
        slots: summary.candidate.slots.iter().map(|(path, value)| (path.to_string(), shown(value))).collect(),
    }
}

fn verdict(summary: &Summary, outcome: &Outcome) -> String {
    let name = &summary.candidate.name;
    let chosen = (outcome.winner.as_ref() == Some(name)).then(|| "chosen".to_owned());
    let against = outcome.comparisons.iter().find(|one| one.candidate == *name).map(compared);
    // Each line names its candidate, as this row does.
    let against = against.map(|text| text.trim_start_matches(name.as_str()).trim_start().to_owned());
    let left = departed(summary).map(|text| text.trim_start_matches(name.as_str()).trim_start().to_owned());
    [chosen, left, against].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A slot's value, as a person would write it.
pub(super) fn shown(value: &SlotValue) -> String {
    match value {
        SlotValue::Model { name, sampling, .. } => {
            let sampling = serde_json::to_string(sampling).unwrap_or_default();
            if sampling == "{}" { name.clone() } else { format!("{name} {sampling}") }
        }
        SlotValue::Prompt(text) => text.clone(),
        SlotValue::Demos(demos) => {
            let demos = demos.iter().map(|demo| format!("{} → {}", demo.input, demo.output));
            demos.collect::<Vec<_>>().join("\n")
        }
        SlotValue::Value(value) => value.to_string(),
    }
}
