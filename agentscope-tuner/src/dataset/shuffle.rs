//! A random order without a generator: the rows sorted by a hash of (seed, purpose, id).
//!
//! Whether one row stands before another depends on these two and the seed alone, so a row that is added or
//! removed leaves the order of the others as it is.

use std::collections::BinaryHeap;

use super::row::Row;
use crate::{error::Result, seed::draw};

const PURPOSE: &str = "dataset.shuffle";

/// The first `limit` rows of the shuffled order (all, if `None`). One pass; holds at most `limit + 1` rows.
pub(super) fn shuffled(
    rows: impl Iterator<Item = Result<Row>>,
    seed: u64,
    limit: Option<usize>,
) -> Result<Vec<Row>> {
    let mut kept = BinaryHeap::new();
    for (arrival, row) in rows.enumerate() {
        let row = row?;
        let key = (draw(seed, PURPOSE, [row.id.as_bytes()]), arrival);
        kept.push(Keyed { key, row });
        if limit.is_some_and(|limit| kept.len() > limit) {
            kept.pop();
        }
    }
    Ok(kept.into_sorted_vec().into_iter().map(|keyed| keyed.row).collect())
}

struct Keyed {
    key: (u64, usize),
    row: Row,
}

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Keyed {}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}
