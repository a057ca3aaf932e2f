//! Who descends from whom, and what two relatives make together.

use std::collections::{BTreeMap, BTreeSet};

use crate::candidate::{SlotPath, SlotValue};

/// Values of the tuned slots.
pub type Slots = BTreeMap<SlotPath, SlotValue>;

/// Two relatives of which neither descends from the other, and their nearest common ancestor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Couple {
    /// The relative with the higher score; of equal ones the elder.
    pub better: usize,
    /// The other.
    pub other: usize,
    /// The youngest ancestor of both that scored no higher than either.
    pub ancestor: usize,
}

/// All couples among `members`. `parents` and `scores` are by candidate; parents are older than their children.
pub fn couples(parents: &[Vec<usize>], scores: &[f64], members: &[usize]) -> Vec<Couple> {
    let ancestors: Vec<BTreeSet<usize>> = (0..parents.len()).map(|one| ancestors(parents, one)).collect();
    let mut couples = Vec::new();
    for (at, one) in members.iter().enumerate() {
        for other in &members[at + 1..] {
            let (better, other) = if scores[*other] > scores[*one] { (*other, *one) } else { (*one, *other) };
            if ancestors[better].contains(&other) || ancestors[other].contains(&better) {
                continue;
            }
            let common = ancestors[better].intersection(&ancestors[other]);
            let lower = |one: &&usize| scores[**one] <= scores[other];
            couples.extend(common.filter(lower).max().map(|one| Couple { better, other, ancestor: *one }));
        }
    }
    couples
}

/// Slot by slot: what one of them changed since the ancestor; where both did, what the better one has.
///
/// `None` where that is one of the two again.
pub fn cross(ancestor: &Slots, better: &Slots, other: &Slots) -> Option<Slots> {
    let slot = |(path, value): (&SlotPath, &SlotValue)| {
        let (was, theirs) = (ancestor.get(path), other.get(path).unwrap_or(value));
        (path.clone(), if was == Some(value) { theirs.clone() } else { value.clone() })
    };
    let child: Slots = better.iter().map(slot).collect();
    (child != *better && child != *other).then_some(child)
}

fn ancestors(parents: &[Vec<usize>], one: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = parents[one].clone();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(&parents[next]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slots(texts: &[&str]) -> Slots {
        let slot = |(at, text): (usize, &&str)| {
            (SlotPath::new("w", format!("s{at}")), SlotValue::Prompt((*text).to_owned()))
        };
        texts.iter().enumerate().map(slot).collect()
    }

    #[test]
    fn two_children_of_the_seed_are_a_couple() {
        let found = couples(&[vec![], vec![0], vec![0]], &[0.1, 0.6, 0.7], &[0, 1, 2]);
        assert_eq!(found, [Couple { better: 2, other: 1, ancestor: 0 }]);
        let child = cross(&slots(&["a", "b"]), &slots(&["a2", "b"]), &slots(&["a", "b2"])).unwrap();
        assert_eq!(child, slots(&["a2", "b2"]));
    }

    #[test]
    fn parent_and_child_are_no_couple_and_an_ancestor_above_both_does_not_count() {
        assert!(couples(&[vec![], vec![0], vec![1]], &[0.1, 0.6, 0.7], &[1, 2]).is_empty());
        assert!(couples(&[vec![], vec![0], vec![0]], &[0.65, 0.6, 0.7], &[1, 2]).is_empty());
    }

    #[test]
    fn where_both_changed_a_slot_the_better_one_is_heard() {
        let child = cross(&slots(&["a", "b"]), &slots(&["a2", "b"]), &slots(&["a3", "b3"])).unwrap();
        assert_eq!(child, slots(&["a2", "b3"]));
        assert_eq!(cross(&slots(&["a"]), &slots(&["a2"]), &slots(&["a3"])), None);
    }

    proptest! {
        #[test]
        fn every_slot_of_a_child_is_from_one_of_its_parents(
            values in proptest::collection::vec((0_u8..3, 0_u8..3, 0_u8..3), 1..5)
        ) {
            let of = |pick: fn(&(u8, u8, u8)) -> u8| {
                let texts: Vec<String> = values.iter().map(|one| pick(one).to_string()).collect();
                slots(&texts.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let (ancestor, better, other) = (of(|one| one.0), of(|one| one.1), of(|one| one.2));
            if let Some(child) = cross(&ancestor, &better, &other) {
                for (path, value) in &child {
                    prop_assert!(better.get(path) == Some(value) || other.get(path) == Some(value));
                }
            }
        }
    }
}
