//! Which prompt came from which, from `candidates.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::candidates::shown;
use crate::candidate::{Candidate, SlotValue};

/// A line of `candidates.jsonl`: what was proposed for some slots.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Proposal {
    #[serde(alias = "name", deserialize_with = "name")]
    pub(super) id: String,
    /// What it was made from; a merge has several, the first of which it is shown below.
    #[serde(alias = "parent", deserialize_with = "names")]
    pub(super) parents: Vec<String>,
    pub(super) proposer: Option<String>,
    /// The slots in which it differs from its first parent, and what they hold.
    pub(super) changed: BTreeMap<String, Value>,
    /// The same for one slot.
    slot: Option<String>,
    text: Option<Value>,
    #[serde(alias = "taken")]
    pub(super) accepted: Option<bool>,
    pub(super) reason: Option<String>,
    #[serde(alias = "reward")]
    pub(super) mean: Option<f64>,
}

/// A proposal with all that was made from it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Node {
    id: String,
    parents: Vec<String>,
    proposer: Option<String>,
    accepted: Option<bool>,
    reason: Option<String>,
    mean: Option<String>,
    /// Generations above it.
    depth: usize,
    slots: Vec<Slot>,
}

/// What a slot holds, word by word against the nearest forebear that changed it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Slot {
    name: String,
    /// Whether there is such a forebear.
    compared: bool,
    changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Change {
    /// `same`, `new` or `gone`.
    kind: &'static str,
    text: String,
}

/// The proposals as a tree, each one behind what it was made from.
pub(super) fn lineage(proposals: &[Proposal]) -> Vec<Node> {
    // A proposal that is told twice, by a run that was resumed, counts once, as told last.
    let by_id: BTreeMap<&str, usize> =
        proposals.iter().enumerate().map(|(at, one)| (one.id.as_str(), at)).collect();
    let told = |at: usize| by_id.get(proposals[at].id.as_str()) == Some(&at);
    // What stands further down cannot be a parent, so no circle is followed.
    let parent = |at: usize| {
        let id = proposals[at].parents.first()?;
        by_id.get(id.as_str()).copied().filter(|parent| *parent < at)
    };
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for at in (0..proposals.len()).filter(|at| told(*at)) {
        children.entry(parent(at)).or_default().push(at);
    }
    let mut open: Vec<(usize, usize)> = roots(&children, None, 0);
    let mut nodes = Vec::new();
    while let Some((at, depth)) = open.pop() {
        let above: Vec<&Proposal> =
            std::iter::successors(parent(at), |at| parent(*at)).map(|at| &proposals[at]).collect();
        nodes.push(node(&proposals[at], &above, depth));
        open.extend(roots(&children, Some(at), depth + 1));
    }
    nodes
}

/// The children of `parent`, last first: as they are taken from a stack.
fn roots(
    children: &BTreeMap<Option<usize>, Vec<usize>>,
    parent: Option<usize>,
    depth: usize,
) -> Vec<(usize, usize)> {
    children.get(&parent).into_iter().flatten().rev().map(|at| (*at, depth)).collect()
}

/// `above` are its forebears, the nearest first.
fn node(proposal: &Proposal, above: &[&Proposal], depth: usize) -> Node {
    let slot = |(name, text): (String, String)| {
        let before = above.iter().find_map(|one| one.texts().remove(&name));
        let whole = || vec![Change { kind: "same", text: text.clone() }];
        let changes = before.as_ref().map_or_else(whole, |before| diff(before, &text));
        Slot { name, compared: before.is_some(), changes }
    };
    Node {
        id: proposal.id.clone(),
        parents: proposal.parents.clone(),
        proposer: proposal.proposer.clone(),
        accepted: proposal.accepted,
        reason: proposal.reason.clone(),
        mean: proposal.mean.map(|mean| format!("{mean:.3}")),
        depth,
        slots: proposal.texts().into_iter().map(slot).collect(),
    }
}

impl Proposal {
    /// What is known of a candidate that nobody proposed: what a run began with.
    fn begun(candidate: &Candidate) -> Self {
        let texts = candidate.slots.iter().filter(|(_, value)| !matches!(value, SlotValue::Model { .. }));
        let changed = texts.map(|(path, value)| (path.to_string(), Value::String(shown(value))));
        Self { id: candidate.name.clone(), changed: changed.collect(), ..Self::default() }
    }

    /// Its slots as a person would write them.
    fn texts(&self) -> BTreeMap<String, String> {
        let given = self.text.iter().map(|text| (self.slot.clone().unwrap_or_default(), text.clone()));
        let text = |value: Value| match SlotValue::deserialize(&value) {
            Ok(value) => shown(&value),
            Err(_) => as_name(value),
        };
        self.changed.clone().into_iter().chain(given).map(|(slot, value)| (slot, text(value))).collect()
    }
}

/// `proposals`, behind those of `candidates` that they were made from and that nobody proposed.
pub(super) fn with_beginnings(proposals: Vec<Proposal>, candidates: &[Candidate]) -> Vec<Proposal> {
    let named = |name: &str| proposals.iter().any(|one| one.id == name);
    let needed = |name: &String| proposals.iter().any(|one| one.parents.contains(name));
    let begun = candidates.iter().filter(|one| needed(&one.name) && !named(&one.name)).map(Proposal::begun);
    begun.collect::<Vec<_>>().into_iter().chain(proposals).collect()
}

/// What changed from `old` to `new`, neighbours of one kind together.
fn diff(old: &str, new: &str) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for change in TextDiff::from_words(old, new).iter_all_changes() {
        let kind = match change.tag() {
            ChangeTag::Equal => "same",
            ChangeTag::Insert => "new",
            ChangeTag::Delete => "gone",
        };
        match changes.last_mut().filter(|last| last.kind == kind) {
            Some(last) => last.text.push_str(change.value()),
            None => changes.push(Change { kind, text: change.value().to_owned() }),
        }
    }
    changes
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Value::deserialize(from).map(as_name)
}

fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Null => Vec::new(),
        Value::Array(names) => names.into_iter().map(as_name).collect(),
        name => vec![as_name(name)],
    })
}

/// Ids may be numbers, and a text may be worked examples.
fn as_name(value: Value) -> String {
    match value {
        Value::String(name) => name,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::SlotPath;

    fn proposals(lines: &[&str]) -> Vec<Proposal> {
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn children_stand_behind_their_parent_and_are_compared_with_it() {
        let nodes = lineage(&proposals(&[
            r#"{"id": 0, "parent": null, "slot": "solve.system", "text": "Be brief.", "mean": 0.5}"#,
            r#"{"id": 1, "parent": 0, "slot": "solve.system", "text": "Be very brief.", "accepted": true}"#,
            r#"{"id": 2, "parent": 0, "slot": "solve.system", "text": "Be kind.", "accepted": false}"#,
            r#"{"id": 3, "parent": [1, 2], "slot": "solve.system", "text": "Be very kind."}"#,
        ]));
        let order: Vec<_> = nodes.iter().map(|node| (node.id.as_str(), node.depth)).collect();
        assert_eq!(order, [("0", 0), ("1", 1), ("3", 2), ("2", 1)]);
        let change = |kind, text: &str| Change { kind, text: text.into() };
        assert_eq!(
            nodes[1].slots[0].changes,
            [change("same", "Be "), change("new", "very "), change("same", "brief.")]
        );
        assert_eq!(nodes[2].parents, ["1", "2"]);
        assert!(!nodes[0].slots[0].compared && nodes[1].slots[0].compared);
    }

    #[test]
    fn a_text_is_compared_with_the_last_one_of_its_own_slot() {
        let nodes = lineage(&proposals(&[
            r#"{"id": "seed", "slot": "a", "text": "one"}"#,
            r#"{"id": "x", "parent": "seed", "slot": "b", "text": "two"}"#,
            r#"{"id": "y", "parent": "x", "slot": "a", "text": "one more"}"#,
        ]));
        assert!(!nodes[1].slots[0].compared);
        assert_eq!(nodes[2].slots[0].changes[0], Change { kind: "same", text: "one".into() });
    }

    #[test]
    fn what_prompt_tuning_writes_is_compared_with_what_it_began_with() {
        let seed = Candidate::new("seed")
            .with(SlotPath::new("solve", "system"), SlotValue::Prompt("Be brief.".into()))
            .with(SlotPath::new("solve", "model"), SlotValue::model("fast"));
        let told = proposals(&[
            r#"{"name": "p1", "round": 1, "proposer": "reflection", "parents": ["seed"],
                "changed": {"solve.system": {"prompt": "Be kind."}, "solve.demos": {"demos": [{"input": "1", "output": "2"}]}},
                "rows": 3, "reward": 0.5, "parent_reward": 0.25, "taken": true, "reason": "above seed"}"#,
            r#"{"name": "p2", "parents": ["p1"], "changed": {}, "taken": false, "reason": "no answer"}"#,
        ]);
        let nodes = lineage(&with_beginnings(told, &[Candidate::new("other"), seed]));
        let order: Vec<_> = nodes.iter().map(|node| (node.id.as_str(), node.depth)).collect();
        assert_eq!(order, [("seed", 0), ("p1", 1), ("p2", 2)]);
        assert_eq!(nodes[0].slots.len(), 1);
        let [demos, system] = &nodes[1].slots[..] else { panic!("{:?}", nodes[1].slots) };
        assert!(!demos.compared && demos.changes[0].text == "1 → 2", "{demos:?}");
        assert!(system.compared && system.changes.contains(&Change { kind: "new", text: "kind.".into() }));
        assert_eq!((nodes[1].accepted, nodes[1].mean.as_deref()), (Some(true), Some("0.500")));
        assert!(nodes[2].slots.is_empty());
    }

    #[test]
    fn circles_and_lost_parents_end() {
        let nodes = lineage(&proposals(&[
            r#"{"id": "a", "parent": "b", "text": "1"}"#,
            r#"{"id": "b", "parent": "a", "text": "2"}"#,
            r#"{"id": "c", "parent": "gone", "text": "3"}"#,
            r#"{"id": "c", "parent": "c", "text": "4"}"#,
        ]));
        let order: Vec<_> = nodes.iter().map(|node| (node.id.as_str(), node.depth)).collect();
        assert_eq!(order, [("a", 0), ("b", 1), ("c", 0)]);
    }

    #[test]
    fn a_diff_holds_both_texts() {
        let (old, new) = ("Think first.\nThen answer.", "Think twice, then answer.\n");
        let changes = diff(old, new);
        let without = |kind: &str| -> String {
            changes.iter().filter(|change| change.kind != kind).map(|change| change.text.as_str()).collect()
        };
        assert_eq!((without("new").as_str(), without("gone").as_str()), (old, new));
    }
}
