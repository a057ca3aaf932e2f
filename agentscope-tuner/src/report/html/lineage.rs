//! Which prompt came from which, from `candidates.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// A line of `candidates.jsonl`: a text that was proposed for a slot.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Proposal {
    #[serde(deserialize_with = "name")]
    pub(super) id: String,
    /// What it was made from; a merge has several, the first of which it is shown below.
    #[serde(deserialize_with = "names")]
    pub(super) parent: Vec<String>,
    pub(super) slot: Option<String>,
    pub(super) proposer: Option<String>,
    #[serde(deserialize_with = "name")]
    pub(super) text: String,
    pub(super) accepted: Option<bool>,
    pub(super) reason: Option<String>,
    pub(super) mean: Option<f64>,
}

/// A proposal with all that was made from it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Node {
    id: String,
    parents: Vec<String>,
    slot: Option<String>,
    proposer: Option<String>,
    accepted: Option<bool>,
    reason: Option<String>,
    mean: Option<String>,
    /// Generations above it.
    depth: usize,
    /// Whether it is compared with what it was made from.
    compared: bool,
    /// Its text, word by word against that of the nearest forebear in the same slot.
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
        let id = proposals[at].parent.first()?;
        by_id.get(id.as_str()).copied().filter(|parent| *parent < at)
    };
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for at in (0..proposals.len()).filter(|at| told(*at)) {
        children.entry(parent(at)).or_default().push(at);
    }
    let mut open: Vec<(usize, usize)> = roots(&children, None, 0);
    let mut nodes = Vec::new();
    while let Some((at, depth)) = open.pop() {
        nodes.push(node(&proposals[at], forebear(proposals, &parent, at), depth));
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

/// The nearest proposal above `at` for the same slot.
fn forebear<'a>(
    proposals: &'a [Proposal],
    parent: &impl Fn(usize) -> Option<usize>,
    at: usize,
) -> Option<&'a Proposal> {
    let above = std::iter::successors(parent(at), |above| parent(*above));
    above.map(|above| &proposals[above]).find(|above| above.slot == proposals[at].slot)
}

fn node(proposal: &Proposal, from: Option<&Proposal>, depth: usize) -> Node {
    let Proposal { id, parent, slot, proposer, text, accepted, reason, mean } = proposal.clone();
    Node {
        id,
        parents: parent,
        slot,
        proposer,
        accepted,
        reason,
        mean: mean.map(|mean| format!("{mean:.3}")),
        depth,
        compared: from.is_some(),
        changes: from.map_or_else(
            || vec![Change { kind: "same", text: text.clone() }],
            |from| diff(&from.text, &text),
        ),
    }
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
            nodes[1].changes,
            [change("same", "Be "), change("new", "very "), change("same", "brief.")]
        );
        assert_eq!(nodes[2].parents, ["1", "2"]);
        assert!(!nodes[0].compared && nodes[1].compared);
    }

    #[test]
    fn a_text_is_compared_with_the_last_one_of_its_own_slot() {
        let nodes = lineage(&proposals(&[
            r#"{"id": "seed", "slot": "a", "text": "one"}"#,
            r#"{"id": "x", "parent": "seed", "slot": "b", "text": "two"}"#,
            r#"{"id": "y", "parent": "x", "slot": "a", "text": "one more"}"#,
        ]));
        assert!(!nodes[1].compared);
        assert_eq!(nodes[2].changes[0], Change { kind: "same", text: "one".into() });
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
