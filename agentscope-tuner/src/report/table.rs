//! An outcome as a table on a terminal.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::{
    strategy::{Comparison, Counts, Outcome, Summary, Verdict},
    workflow::Spent,
};

/// The candidates, best first, the comparisons and the headline.
pub fn table(outcome: &Outcome) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "candidate",
        "reward",
        "95 % interval",
        "rows",
        "failed",
        "left out",
        "tokens",
        "cost",
        "p50",
        "p95",
    ]);
    for summary in &outcome.candidates {
        table.add_row(row(summary));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.to_string();
    for comparison in &outcome.comparisons {
        text += "\n";
        text += &compared(comparison);
    }
    format!("{text}\n{}", outcome.headline)
}

/// What was paid in all sessions of a run.
pub fn spending(spent: &Spent) -> String {
    let Spent { calls, usage, usd, unpriced_calls, .. } = spent;
    let cost = match (*calls, *unpriced_calls) {
        (_, 0) => usd.to_string(),
        (all, unknown) if all == unknown => "cost unknown".to_owned(),
        (_, unknown) => format!("{usd} and {unknown} calls of unknown cost"),
    };
    format!("spent: {calls} calls, {} + {} tokens, {cost}", usage.input_tokens, usage.output_tokens)
}

fn row(summary: &Summary) -> Vec<Cell> {
    let (mean, interval, rows) = match summary.reward {
        Some(reward) => (
            format!("{:.3}", reward.mean),
            format!("{:.3} to {:.3}", reward.low, reward.high),
            reward.n.to_string(),
        ),
        None => ("none".to_owned(), "none".to_owned(), "0".to_owned()),
    };
    let seconds = |seconds: f64| {
        if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
    };
    let latency = summary.latency.map(|latency| (seconds(latency.p50), seconds(latency.p95)));
    let (p50, p95) = latency.unwrap_or_default();
    let cost = summary.usd.map_or("unknown".to_owned(), |usd| usd.to_string());
    let cells = [
        summary.candidate.name.clone(),
        mean,
        interval,
        rows,
        failed(&summary.counts),
        left_out(&summary.counts),
        (summary.tokens.0 + summary.tokens.1).to_string(),
        cost,
        p50,
        p95,
    ];
    cells.into_iter().map(Cell::new).collect()
}

fn failed(counts: &Counts) -> String {
    match (counts.task_failed, counts.timed_out) {
        (failed, 0) => failed.to_string(),
        (failed, late) => format!("{failed} ({late} late)"),
    }
}

fn left_out(counts: &Counts) -> String {
    (counts.infrastructure_failed + counts.judge_failed).to_string()
}

fn compared(comparison: &Comparison) -> String {
    let Comparison { candidate, leader, difference, verdict } = comparison;
    let shown = match verdict {
        Verdict::Worse => "worse",
        Verdict::NotShown => "no difference shown",
        Verdict::NotEnoughData => "not enough data",
    };
    match difference {
        Some(difference) => format!(
            "{candidate} against {leader}: {:+.3} ({:+.3} to {:+.3}) over {} rows: {shown}",
            -difference.mean, -difference.high, -difference.low, difference.n
        ),
        None => format!("{candidate} against {leader}: {shown}"),
    }
}
