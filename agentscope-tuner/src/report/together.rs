//! Outcomes of several workflows, side by side.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::{
    strategy::{Outcome, percent},
    text::brief,
};

/// What each workflow's run came to, its headline below.
pub fn together(outcomes: &[(&str, Outcome)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["workflow", "winner", "reward", "interval", "rows"]);
    for (workflow, outcome) in outcomes {
        let winner = outcome.winner.clone().unwrap_or_else(|| "none".to_owned());
        let chosen = outcome.candidates.iter().find(|summary| summary.candidate.name == winner);
        let reward = chosen.and_then(|summary| summary.reward.as_ref());
        let interval = reward.map_or_else(String::new, |reward| {
            format!("{} to {} ({} %)", brief(reward.low), brief(reward.high), percent(outcome.confidence))
        });
        let mean = reward.map_or_else(String::new, |reward| brief(reward.mean));
        let rows = reward.map_or_else(String::new, |reward| reward.n.to_string());
        table.add_row([(*workflow).to_owned(), winner, mean, interval, rows]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let headlines = outcomes.iter().map(|(workflow, outcome)| format!("{workflow}: {}", outcome.headline));
    [table.to_string()].into_iter().chain(headlines).collect::<Vec<_>>().join("\n")
}
