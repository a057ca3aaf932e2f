//! Reward against what it costs, in money and in time.

use super::{Drawing, Line, Plot, Point};
use crate::strategy::{Outcome, Summary};

/// Reward against dollars a rollout, and against its median seconds; none where fewer than two candidates have both.
pub(in crate::report::html) fn pareto(outcome: &Outcome, colour: impl Fn(&str) -> usize) -> Vec<Drawing> {
    if outcome.front.is_empty() {
        return Vec::new();
    }
    let seconds = |one: &Summary| one.latency.map(|latency| latency.p50);
    let plots = [
        plot(outcome, &colour, "cost", "Reward against cost", "USD a rollout", &dollars),
        plot(outcome, &colour, "latency", "Reward against time", "median seconds of a rollout", &seconds),
    ];
    plots.into_iter().flatten().collect()
}

fn plot(
    outcome: &Outcome,
    colour: &impl Fn(&str) -> usize,
    id: &str,
    title: &str,
    x: &str,
    measure: &dyn Fn(&Summary) -> Option<f64>,
) -> Option<Drawing> {
    let line = |one: &Summary| {
        let (reward, x) = (one.reward?, measure(one)?);
        let name = &one.candidate.name;
        let on_front = outcome.front.contains(name);
        Some(Line {
            name: name.clone(),
            colour: colour(name),
            points: vec![Point { x, y: reward.mean, interval: Some((reward.low, reward.high)) }],
            joined: false,
            note: name.clone(),
            emphasis: on_front,
        })
    };
    let lines: Vec<Line> = outcome.candidates.iter().filter_map(line).collect();
    if lines.len() < 2 {
        return None;
    }
    let said = |line: &Line| format!("{}: {:.3} at {:.3e}.", line.name, line.points[0].y, line.points[0].x);
    Plot {
        id: format!("{id}-plot"),
        title: title.to_owned(),
        summary: lines.iter().map(said).collect::<Vec<_>>().join(" "),
        x: x.to_owned(),
        y: "mean reward".to_owned(),
        may_be_logarithmic: true,
        lines,
    }
    .draw()
}

/// Dollars of a rollout.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn dollars(summary: &Summary) -> Option<f64> {
    let counts = summary.counts;
    let ended = counts.scored + counts.task_failed + counts.infrastructure_failed + counts.judge_failed;
    Some(summary.usd?.dollars() / ended.max(1) as f64)
}
