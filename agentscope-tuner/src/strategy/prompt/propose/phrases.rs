//! Edits of a text by whole phrases, without a proposer model.

use std::collections::BTreeSet;

use super::{super::fence::placeholders, Draft, Examples, Proposer, View};
use crate::candidate::SlotValue;

/// Phrases that help many models with many tasks.
pub(in super::super) const STOCK: [&str; 8] = [
    "Think step by step.",
    "Check the result before you answer.",
    "Read the whole question first.",
    "Give the final answer at the end.",
    "Answer with the final result alone.",
    "Be brief.",
    "Use a tool wherever one fits.",
    "If several readings are possible, take the most common one.",
];

/// Recombination from a pool: the configured phrases, and those of all candidates.
pub(in super::super) struct Phrases;

impl Proposer for Phrases {
    fn name(&self) -> &'static str {
        "phrases"
    }

    fn prior(&self) -> (f64, f64) {
        (0.5, 1.5)
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        let own = phrases(view.text());
        let edits: [Kind; 3] = [join, add, drop];
        let edits = view.dice.shuffled("edit", edits.to_vec());
        let edit = edits.into_iter().find_map(|edit| edit(view, &own))?;
        let mut parents = vec![view.parent];
        parents.extend(edit.other);
        Some(Draft::Made { slots: view.with_text(&edit.text), parents })
    }
}

/// A way to edit the phrases of the parent.
type Kind = fn(&View<'_>, &[&str]) -> Option<Edit>;

struct Edit {
    text: String,
    other: Option<usize>,
}

/// What another of the front says beside.
fn join(view: &View<'_>, own: &[&str]) -> Option<Edit> {
    let others: Vec<usize> = view.front.iter().copied().filter(|one| *one != view.parent).collect();
    view.dice.shuffled("other", others).into_iter().find_map(|other| {
        let SlotValue::Prompt(text) = view.pool[other].candidate.slots.get(view.slot)? else { return None };
        let known: BTreeSet<String> = own.iter().map(|phrase| plain(phrase)).collect();
        let new: Vec<&str> = phrases(Examples::split(text).0)
            .into_iter()
            .filter(|phrase| !known.contains(&plain(phrase)))
            .collect();
        (!new.is_empty()).then(|| Edit { text: with(view.text(), &new), other: Some(other) })
    })
}

/// One more phrase of the pool.
fn add(view: &View<'_>, own: &[&str]) -> Option<Edit> {
    let known: BTreeSet<String> = own.iter().map(|phrase| plain(phrase)).collect();
    let new: Vec<&String> = view.phrases.iter().filter(|phrase| !known.contains(&plain(phrase))).collect();
    view.dice
        .pick("phrase", &new)
        .map(|phrase| Edit { text: with(view.text(), &[phrase.as_str()]), other: None })
}

/// One phrase less.
fn drop(view: &View<'_>, own: &[&str]) -> Option<Edit> {
    let able = needless(own);
    let gone = view.dice.pick("gone", &able)?;
    Some(Edit { text: without(view.text(), gone), other: None })
}

/// Phrases that a text can do without: what holds a placeholder must stay, and so must the last one.
pub(super) fn needless<'a>(own: &[&'a str]) -> Vec<&'a str> {
    own.iter().copied().filter(|phrase| own.len() > 1 && placeholders(phrase).is_empty()).collect()
}

/// `text` without one of its phrases.
pub(super) fn without(text: &str, phrase: &str) -> String {
    let text = text.replacen(phrase, "", 1);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.join("\n").trim().to_owned()
}

fn with(text: &str, more: &[&str]) -> String {
    std::iter::once(text.trim_end()).chain(more.iter().copied()).collect::<Vec<_>>().join("\n")
}

/// The phrases of a text: its lines, or the sentences of a single line.
pub(in super::super) fn phrases(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [line] => sentences(line),
        _ => lines,
    }
}

fn sentences(line: &str) -> Vec<&str> {
    let (mut found, mut start) = (Vec::new(), 0);
    for (at, _) in line
        .match_indices(". ")
        .chain(line.match_indices("! "))
        .chain(line.match_indices("? "))
        .collect::<BTreeSet<_>>()
    {
        found.push(line[start..=at].trim());
        start = at + 2;
    }
    found.push(line[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// Two phrases that differ in case or at their ends are one.
fn plain(phrase: &str) -> String {
    phrase.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_placeholder_is_not_needless() {
        let text = "Be brief.\nAnswer {question}.\nThe tone is {{ tone }}.\nThink first.";
        assert_eq!(needless(&phrases(text)), ["Be brief.", "Think first."]);
        // A text is never emptied.
        assert!(needless(&phrases("Be brief.")).is_empty());
    }

    #[test]
    fn a_text_falls_into_its_lines_or_sentences() {
        assert_eq!(phrases("You help. Be brief! Why? Go"), ["You help.", "Be brief!", "Why?", "Go"]);
        assert_eq!(phrases("One. Two.\n\n- three"), ["One. Two.", "- three"]);
        assert!(phrases(" ").is_empty());
    }
}
