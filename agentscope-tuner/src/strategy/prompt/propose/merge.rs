//! Two relatives on the front become one: what each has learnt since their common ancestor.

use super::{
    super::lineage::{couples, cross},
    Draft, Proposer, View,
};

/// Crossover of two candidates, slot by slot.
pub(in super::super) struct Merge;

impl Proposer for Merge {
    fn name(&self) -> &'static str {
        "merge"
    }

    fn prior(&self) -> (f64, f64) {
        (2.0, 2.0)
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        let parents: Vec<Vec<usize>> = view.pool.iter().map(|node| node.parents.clone()).collect();
        let couples = view.dice.shuffled("couple", couples(&parents, &view.worths, &view.front));
        let slots = |one: usize| &view.pool[one].candidate.slots;
        couples.into_iter().find_map(|couple| {
            let child = cross(slots(couple.ancestor), slots(couple.better), slots(couple.other))?;
            let known = view.pool.iter().any(|node| node.candidate.slots == child);
            (!known).then(|| Draft::Made { slots: child, parents: vec![couple.better, couple.other] })
        })
    }
}
