//! Which rows a step is about.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::seed;

/// How the rows of the training set did so far: number of rollouts, and sum of |reward − group mean| over them.
pub(super) type Spread = BTreeMap<usize, RowSpread>;

/// How much the rewards of a row differed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RowSpread {
    rollouts: u32,
    deviation: f64,
}

impl RowSpread {
    /// Takes note of a group's rewards.
    pub(super) fn note(&mut self, rewards: &[f64]) {
        let count = rewards.len().max(1) as f64;
        let mean = rewards.iter().sum::<f64>() / count;
        self.rollouts += rewards.len() as u32;
        self.deviation += rewards.iter().map(|reward| (reward - mean).abs()).sum::<f64>();
    }

    /// Mean distance from the mean; none without a rollout.
    fn mean(&self) -> Option<f64> {
        (self.rollouts > 0).then(|| self.deviation / f64::from(self.rollouts))
    }
}

/// The `count` rows that follow the first `drawn` ones: each epoch is a random order of all rows, a function of seed and
/// epoch alone.
pub(super) fn rows(rows: usize, drawn: u64, count: usize, seed: u64) -> Vec<usize> {
    let rows_u64 = rows as u64;
    let mut epoch = None;
    (drawn..drawn + count as u64)
        .map(|place| {
            let number = place / rows_u64;
            if epoch.as_ref().is_none_or(|(current, _)| *current != number) {
                epoch = Some((number, order(rows, number, seed)));
            }
            epoch.as_ref().map_or(0, |(_, order)| order[(place % rows_u64) as usize])
        })
        .collect()
}

/// The same, but of three times as many rows those whose rewards differed most so far: rows that always or never succeed
/// teach nothing. Rows that were never drawn go before all others.
pub(super) fn telling_rows(
    rows_there: usize,
    drawn: u64,
    count: usize,
    seed: u64,
    spread: &Spread,
) -> Vec<usize> {
    let mut offered = rows(rows_there, drawn, offered(count), seed);
    let telling = |row: &usize| spread.get(row).and_then(RowSpread::mean).unwrap_or(f64::INFINITY);
    offered.sort_by(|one, other| telling(other).total_cmp(&telling(one)));
    let mut seen = BTreeSet::new();
    offered.retain(|row| seen.insert(*row));
    offered.truncate(count);
    offered
}

/// How many rows are looked at to choose `count` telling ones.
pub(super) fn offered(count: usize) -> usize {
    3 * count
}

/// The order of the last epoch that was asked for, by what it depends on: it hashes each row, and step follows step in it.
static LAST: Mutex<Option<(Epoch, Arc<[usize]>)>> = Mutex::new(None);

/// Rows there, number and seed.
type Epoch = (usize, u64, u64);

fn order(rows: usize, epoch: u64, seed: u64) -> Arc<[usize]> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some((of, order)) if *of == (rows, epoch, seed) => Arc::clone(order),
        _ => {
            let order: Arc<[usize]> = shuffled(rows, epoch, seed).into();
            *last = Some(((rows, epoch, seed), Arc::clone(&order)));
            order
        }
    }
}

fn shuffled(rows: usize, epoch: u64, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_cached_key(|row| {
        seed::draw(seed, "weights.epoch", [&epoch.to_le_bytes()[..], &(*row as u64).to_le_bytes()])
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_holds_every_row_once_in_an_order_of_its_own() {
        let all = rows(7, 0, 21, 3);
        for epoch in all.chunks(7) {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6]);
        }
        assert_ne!(all[..7], all[7..14]);
        // Cut anywhere, it goes on the same.
        assert_eq!([rows(7, 0, 10, 3), rows(7, 10, 11, 3)].concat(), all);
        assert_ne!(rows(7, 0, 21, 4), all);
    }

    #[test]
    fn rows_that_differ_are_preferred() {
        let mut spread = Spread::new();
        for row in 0..12 {
            let rewards = if row % 4 == 0 { [0.0, 1.0] } else { [1.0, 1.0] };
            spread.entry(row).or_default().note(&rewards);
        }
        let mut chosen = telling_rows(12, 0, 3, 1, &spread);
        chosen.sort_unstable();
        let offered = rows(12, 0, 9, 1);
        let telling = offered.iter().filter(|row| **row % 4 == 0).count();
        assert_eq!(chosen.iter().filter(|row| **row % 4 == 0).count(), telling.min(3));
    }
}
