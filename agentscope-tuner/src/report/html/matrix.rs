//! Every rollout as a cell: rows of the dataset x candidates.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::material::Material;
use crate::rollout::{Record, Status};

/// Rollouts that are shown: browsers get slow with more.
const MOST_CELLS: usize = 10_000;
/// Shades from the lowest to the highest reward.
const SHADES: f64 = 10.0;

/// The matrix.
#[derive(Debug, Serialize)]
pub(super) struct Matrix {
    candidates: Vec<String>,
    rows: Vec<Row>,
    /// Lowest and highest reward, as they are coloured.
    low: String,
    high: String,
    /// Rollouts that are not shown.
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    task: String,
    /// For each candidate the attempts on this row, the first one first.
    cells: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, Serialize)]
struct Cell {
    /// The reward, or how it failed.
    text: String,
    /// Class of the style sheet.
    class: String,
    /// All of it in words.
    label: String,
    /// Its conversation, where that is in the page.
    conversation: Option<usize>,
}

/// The matrix of all records, `candidates` in this order; `places` are the conversations that the page holds, by record.
pub(super) fn matrix(material: &Material, candidates: &[String], places: &HashMap<usize, usize>) -> Matrix {
    let records = || material.records.iter().map(|(_, record)| record).take(MOST_CELLS);
    let rewards = || records().filter_map(|record| record.reward);
    // Failing counts nothing, so that 0 is always in the range.
    let low = rewards().fold(0.0, f64::min);
    let high = rewards().reduce(f64::max).filter(|high| *high > low).unwrap_or(low + 1.0);
    let columns: HashMap<&str, usize> =
        candidates.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut lines: HashMap<&str, usize> = HashMap::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut order: BTreeSet<(usize, usize, u32, usize)> = BTreeSet::new();
    for (at, record) in records().enumerate() {
        let line = *lines.entry(&record.task_id).or_insert_with(|| {
            rows.push(Row { task: record.task_id.clone(), cells: vec![Vec::new(); candidates.len()] });
            rows.len() - 1
        });
        if let Some(column) = columns.get(record.candidate.as_str()) {
            order.insert((line, *column, record.attempt, at));
        }
    }
    for (line, column, _, at) in order {
        let place = places.get(&at).copied();
        rows[line].cells[column].push(cell(&material.records[at].1, (low, high), place));
    }
    Matrix {
        candidates: candidates.to_vec(),
        rows,
        low: short(low),
        high: short(high),
        left_out: material.records.len().saturating_sub(MOST_CELLS),
    }
}

fn cell(record: &Record, range: (f64, f64), conversation: Option<usize>) -> Cell {
    let Record { candidate, task_id, attempt, .. } = record;
    let (text, class) = match (record.status, record.reward) {
        (Status::Scored, Some(reward)) => (short(reward), format!("shade{}", shade(reward, range))),
        (Status::TaskFailed, _) => ("failed".to_owned(), "task-failed".to_owned()),
        _ => ("left out".to_owned(), "left-out".to_owned()),
    };
    let again = if *attempt > 0 { format!(", attempt {}", attempt + 1) } else { String::new() };
    Cell { label: format!("{candidate} on {task_id}{again}: {text}"), text, class, conversation }
}

/// 0 for the lowest reward, 10 for the highest.
fn shade(reward: f64, (low, high): (f64, f64)) -> f64 {
    (SHADES * (reward - low) / (high - low).max(f64::MIN_POSITIVE)).round().clamp(0.0, SHADES)
}

/// Two digits, fewer where they are 0.
fn short(reward: f64) -> String {
    format!("{}", (reward * 100.0).round() / 100.0)
}
