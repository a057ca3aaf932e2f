//! Proposers: what could be tried next. Pure functions of what is known; the search runs what they draft.

mod demonstrate;
mod instruct;
mod merge;
mod phrases;
mod reflect;
mod trim;

use std::{collections::HashSet, sync::Arc};

pub(super) use demonstrate::{Demonstrate, columns};
pub(super) use instruct::Instruct;
pub(super) use merge::Merge;
pub(super) use phrases::{Phrases, STOCK, phrases};
pub(super) use reflect::Reflect;
pub(super) use trim::Trim;

use super::{
    dice::Dice,
    episode::Episode,
    fence::fence_around,
    lineage::Slots,
    worth::{LENGTH, Objective, Objectives},
};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    rollout::Task,
};

/// One way to come from a candidate to another.
pub(super) trait Proposer: Send + Sync {
    /// Its name in `candidates.jsonl`.
    fn name(&self) -> &'static str;

    /// Children taken and left that are assumed before any was seen.
    fn prior(&self) -> (f64, f64);

    /// Whether it asks the proposer model.
    fn asks(&self) -> bool {
        false
    }

    /// Whether it learns from runs of the parent on the rows to learn from; `labelled` where the data say what is right.
    fn learns(&self, _labelled: bool) -> bool {
        false
    }

    /// Whether the proposal of this number is to be its own; `labelled` where the data say what is right.
    fn is_first(&self, _number: u64, _labelled: bool) -> bool {
        false
    }

    /// What it would try; `None` where it has nothing to go by.
    fn draft(&self, view: &View<'_>) -> Option<Draft>;
}

/// What a proposer would try.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Draft {
    /// Questions to the proposer model: the fenced answer of each goes into its slot.
    Ask(Vec<(SlotPath, String)>),
    /// New values, and the candidates that they are from, the one to be beaten first.
    Made { slots: Slots, parents: Vec<usize> },
}

/// A candidate that was taken.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) candidate: Arc<Candidate>,
    /// Places of its parents.
    pub(super) parents: Vec<usize>,
    /// Whether it was not shown better than them: it may hold what pays only together with something else.
    pub(super) stone: bool,
}

/// A slot that is tuned.
#[derive(Clone, Debug)]
pub(super) struct Tuned {
    pub(super) path: SlotPath,
    /// The parameter's documentation.
    pub(super) doc: &'static str,
    /// Whether it holds examples instead of a text.
    pub(super) demos: bool,
}

/// What is known when a proposal is drafted.
pub(super) struct View<'a> {
    pub(super) dice: Dice,
    pub(super) pool: &'a [Node],
    /// Mean reward of each of the pool, and what it is worth with all that counts.
    pub(super) rewards: Vec<f64>,
    pub(super) worths: Vec<f64>,
    /// What counts besides the reward.
    pub(super) objectives: &'a Objectives,
    /// Places of those on the front.
    pub(super) front: Vec<usize>,
    pub(super) parent: usize,
    /// The prompt slot to change.
    pub(super) slot: &'a SlotPath,
    pub(super) tuned: &'a [Tuned],
    /// Name and documentation of the workflow.
    pub(super) about: (&'a str, &'a str),
    /// Runs of the parent on rows to learn from: those that went wrong, the least used first, and those that went well.
    pub(super) failed: Vec<Episode>,
    pub(super) solved: Vec<Episode>,
    /// Runs of anybody on rows to learn from that went well, one a row.
    pub(super) all_solved: Vec<Episode>,
    pub(super) train: &'a [Arc<Task>],
    /// Columns of the rows that are what a model is asked and what it should answer, where that is known.
    pub(super) columns: Option<(String, String)>,
    pub(super) phrases: Vec<String>,
    /// Most characters of a prompt.
    pub(super) max_length: usize,
    /// What was drafted before.
    pub(super) known: &'a HashSet<[u8; 16]>,
}

impl View<'_> {
    /// Whether these values were drafted before.
    fn is_known(&self, slots: &Slots) -> bool {
        self.known.contains(&hash(slots))
    }

    /// What the parent holds.
    fn slots(&self) -> &Slots {
        &self.pool[self.parent].candidate.slots
    }

    /// The parent's text in the slot to change, without examples.
    fn text(&self) -> &str {
        self.text_of(self.slot)
    }

    fn text_of(&self, slot: &SlotPath) -> &str {
        Examples::split(self.prompt(slot)).0
    }

    /// The tuned slots that hold texts.
    fn prompts(&self) -> impl Iterator<Item = &Tuned> {
        self.tuned.iter().filter(|tuned| !tuned.demos)
    }

    fn prompt(&self, path: &SlotPath) -> &str {
        match self.slots().get(path) {
            Some(SlotValue::Prompt(text)) => text,
            _ => "",
        }
    }

    /// The parent's slots with another text in the slot to change; its examples stay.
    fn with_text(&self, text: &str) -> Slots {
        let examples = Examples::split(self.prompt(self.slot)).1;
        let mut slots = self.slots().clone();
        slots.insert(self.slot.clone(), SlotValue::Prompt(Examples::join(text, examples)));
        slots
    }

    /// What counts besides the reward, for a proposer model; nothing where nothing does.
    fn aims(&self) -> String {
        let aim = |one: &Objective| {
            let better = if one.weight < 0.0 { "less is better" } else { "more is better" };
            let what = match one.name.as_str() {
                "calls" => "calls of models in a run",
                "tokens" => "tokens of a run, those that the model reads and those that it writes",
                "usd" => "what a run costs in dollars",
                LENGTH => "characters of all texts that are to be improved",
                _ => "measured of each run",
            };
            format!("- {}, {what}: weight {}, so {better}\n", one.name, one.weight)
        };
        match self.objectives.is_empty() {
            true => String::new(),
            false => format!(
                "\nThe reward is not all that counts. What a run is worth is its reward plus, for each of these, its weight times its \
value:\n{}",
                self.objectives.iter().map(aim).collect::<String>()
            ),
        }
    }

    /// The text of `slot` and what stands around it, for a proposer model.
    fn setting(&self, slot: &SlotPath) -> String {
        let (name, doc) = self.about;
        let mut text = format!("The program `{name}` calls a language model.");
        if !doc.is_empty() {
            text += &format!(" It is documented as: {doc}");
        }
        let own = self.tuned.iter().find(|tuned| tuned.path == *slot);
        text += &format!("\n\nOne of its texts is to be improved: `{slot}`.");
        if let Some(doc) = own.map(|tuned| tuned.doc).filter(|doc| !doc.is_empty()) {
            text += &format!(" It is documented as: {doc}");
        }
        text += &format!(" The model is given it as it stands here:\n{}", fenced_text(self.text_of(slot)));
        for other in self.prompts().filter(|tuned| tuned.path != *slot) {
            text += &format!(
                "\nFor information, `{}`, which stays as it is:\n{}",
                other.path,
                fenced_text(self.prompt(&other.path))
            );
        }
        text
    }
}

/// What tells values apart, whatever their candidate is called.
pub(super) fn hash(slots: &Slots) -> [u8; 16] {
    Candidate { name: String::new(), slots: slots.clone() }.hash()
}

/// `text` between fences that do not occur in it.
fn fenced_text(text: &str) -> String {
    let fence = fence_around([text]);
    format!("{fence}\n{text}\n{fence}\n")
}

/// How every question ends.
const ANSWER: &str = "Keep every placeholder in curly braces. Be as brief as the content allows. Answer with the whole new text, \
ready to be used, between two lines of three backticks (or more, where the text itself has three).";

/// Worked examples at the end of a prompt, where a workflow has no slot for them.
pub(super) struct Examples;

impl Examples {
    const HEADING: &str = "\n\nWorked examples:\n\n";

    /// The text before the examples, and the examples.
    pub(super) fn split(text: &str) -> (&str, Option<&str>) {
        text.split_once(Self::HEADING).map_or((text, None), |(text, examples)| (text, Some(examples)))
    }

    pub(super) fn join(text: &str, examples: Option<&str>) -> String {
        examples.map_or_else(|| text.to_owned(), |examples| format!("{text}{}{examples}", Self::HEADING))
    }
}
