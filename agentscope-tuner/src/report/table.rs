//! An outcome as a table on a terminal.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::{
    strategy::{Comparison, Counts, Outcome, Reason, Summary, Verdict, Weighing, percent},
    text::brief,
    workflow::Spent,
};

/// The candidates, best first, the comparisons and the headline.
pub fn table(outcome: &Outcome) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    let interval = format!("{} % interval", percent(outcome.confidence));
    let header =
        ["candidate", "reward", &interval, "rows", "failed", "left out", "tokens", "cost", "p50", "p95"];
    table.set_header(header);
    for summary in &outcome.candidates {
        table.add_row(row(summary));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![table.to_string()];
    lines.extend(outcome.weighing.as_ref().map(weighed));
    lines.extend(outcome.candidates.iter().filter_map(departed));
    lines.extend(outcome.comparisons.iter().map(compared));
    if !outcome.front.is_empty() {
        let front = outcome.front.join(", ");
        lines.push(format!("nobody is better in reward, cost and latency together than: {front}"));
    }
    lines.push(outcome.headline.clone());
    lines.join("\n")
}

/// What counts, by candidate.
fn weighed(weighing: &Weighing) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    let fixed = [format!("counts, on {} rows", weighing.rows), "weight".to_owned()];
    table.set_header(fixed.into_iter().chain(weighing.candidates.iter().cloned()));
    for line in weighing_lines(weighing) {
        table.add_row(line);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// The lines below the header: what counts, its weight, its mean by candidate; what all that is worth last.
pub(super) fn weighing_lines(weighing: &Weighing) -> Vec<Vec<String>> {
    let line = |name: &str, weight: String, means: &[Option<f64>]| {
        let means = means.iter().map(|mean| mean.map_or("none".to_owned(), brief));
        [name.to_owned(), weight].into_iter().chain(means).collect::<Vec<_>>()
    };
    let parts = weighing.parts.iter().map(|part| line(&part.name, brief(part.weight), &part.means));
    parts.chain([line("worth", String::new(), &weighing.worth)]).collect()
}

pub(super) fn departed(summary: &Summary) -> Option<String> {
    let left = summary.left.as_ref()?;
    let why = match &left.reason {
        Reason::WorseThan(rival) => format!("{rival} was shown better"),
        Reason::Budget => "the budget does not suffice for all".to_owned(),
    };
    Some(format!("{} left after {} rows: {why}", summary.candidate.name, left.rows))
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

/// A duration with its unit.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

pub(super) fn failed(counts: &Counts) -> String {
    match (counts.task_failed, counts.timed_out) {
        (failed, 0) => failed.to_string(),
        (failed, late) => format!("{failed} ({late} late)"),
    }
}

pub(super) fn left_out(counts: &Counts) -> String {
    (counts.infrastructure_failed + counts.judge_failed).to_string()
}

pub(super) fn compared(comparison: &Comparison) -> String {
    let Comparison { candidate, leader, difference, adjusted, detectable, verdict, .. } = comparison;
    let shown = match verdict {
        Verdict::Worse => "worse",
        Verdict::Tied => "tied",
        Verdict::NotShown => "no difference shown",
        Verdict::NotEnoughData => "not enough data",
        Verdict::Blocked => "no verdict, too many rollouts left out",
    };
    let Some(difference) = difference else { return format!("{candidate} against {leader}: {shown}") };
    let mut text = format!(
        "{candidate} against {leader}: {:+.3} ({:+.3} to {:+.3}) over {} rows, adjusted p {}: {shown}",
        -difference.mean,
        -difference.high,
        -difference.low,
        difference.n,
        p_value(*adjusted)
    );
    if let (Verdict::NotShown | Verdict::NotEnoughData, Some(effect)) = (verdict, detectable) {
        text += &format!(" (so many rows show a difference of {effect:.3} or more)");
    }
    text
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "below 0.001".to_owned() } else { format!("{p:.3}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_counts_besides_the_reward_stands_side_by_side() {
        let outcome: Outcome = serde_json::from_value(json!({
            "strategy": "prompt", "candidates": [], "comparisons": [], "winner": "p2", "confidence": 0.95, "headline": "h", "rows": 20,
            "weighing": {"candidates": ["seed", "p2"], "rows": 20, "worth": [0.25, 0.5], "parts": [
                {"name": "reward", "weight": 1.0, "means": [0.75, 0.75]},
                {"name": "tokens", "weight": -0.001, "means": [500.0, null]}]}
        }))
        .unwrap();
        let table = table(&outcome);
        let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(words.contains(&vec!["counts,", "on", "20", "rows", "weight", "seed", "p2"]), "{table}");
        assert!(words.contains(&vec!["tokens", "-0.001", "500", "none"]), "{table}");
        assert!(words.contains(&vec!["worth", "0.25", "0.5"]), "{table}");
    }
}
