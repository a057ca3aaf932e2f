//! Multisets.

use std::{collections::HashMap, hash::Hash};

/// How often each unit occurs.
#[derive(Clone, Debug)]
pub(super) struct Counts<T>(HashMap<T, usize>);

impl<T: Eq + Hash> Counts<T> {
    pub(super) fn of(units: impl IntoIterator<Item = T>) -> Self {
        let mut counts = HashMap::new();
        for unit in units {
            *counts.entry(unit).or_default() += 1;
        }
        Self(counts)
    }

    /// Size of the multiset.
    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Size of the intersection with `other`.
    pub(super) fn common(&self, other: &Self) -> usize {
        self.0.iter().map(|(unit, count)| other.0.get(unit).map_or(0, |more| *count.min(more))).sum()
    }

    /// The union: of each unit the greater count.
    pub(super) fn union(mut self, other: Self) -> Self {
        for (unit, count) in other.0 {
            let own = self.0.entry(unit).or_default();
            *own = count.max(*own);
        }
        self
    }

    /// Takes one `unit` away; whether there was one.
    pub(super) fn take(&mut self, unit: &T) -> bool {
        match self.0.get_mut(unit) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}
