//! A proposer model reads what went wrong, and rewrites one slot or all.

use std::fmt::Write as _;

use super::{ANSWER, Draft, Proposer, View};
use crate::candidate::SlotPath;

/// Reflection on runs of the parent.
pub(in super::super) struct Reflect {
    /// Most failed runs in a question.
    pub(in super::super) failed: usize,
    /// Most runs that went well.
    pub(in super::super) solved: usize,
    /// Whether all texts of the workflow are rewritten at once, each by a question of its own.
    pub(in super::super) joint: bool,
}

impl Proposer for Reflect {
    fn name(&self) -> &'static str {
        if self.joint { "joint reflection" } else { "reflection" }
    }

    fn prior(&self) -> (f64, f64) {
        (3.0, 1.5)
    }

    fn asks(&self) -> bool {
        true
    }

    fn learns(&self, _: bool) -> bool {
        true
    }

    fn is_first(&self, number: u64, labelled: bool) -> bool {
        number == if labelled { 2 } else { 1 }
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        if view.failed.is_empty() {
            return None;
        }
        let slots: Vec<&SlotPath> = match self.joint {
            true => view.prompts().map(|tuned| &tuned.path).collect(),
            false => vec![view.slot],
        };
        let alone = slots.len() < 2;
        (alone != self.joint).then(|| {
            Draft::Ask(slots.into_iter().map(|slot| (slot.clone(), self.question(view, slot))).collect())
        })
    }
}

impl Reflect {
    fn question(&self, view: &View<'_>, slot: &SlotPath) -> String {
        let mut question = view.setting(slot);
        question += "\nThese runs with that text went wrong or could have gone better. A row is what the program was given, with all \
that is known about it; the model sees only what the conversation shows.\n";
        for (number, episode) in (1..).zip(view.failed.iter().take(self.failed)) {
            _ = writeln!(question, "\n## Run {number}\n{}", episode.describe());
        }
        let solved = view.dice.shuffled("solved", view.solved.iter().collect());
        for (number, episode) in solved.iter().take(self.solved).enumerate() {
            let heading = if number == 0 { "\nThese went well, and must go on to:\n" } else { "" };
            _ = writeln!(question, "{heading}\n## Run\n{}", episode.describe());
        }
        question += "\nFind out for each run why it was not better: compare what was answered with the feedback and with what the row \
says is right. Write down every fact, rule and form that follows from this and that the text does not state yet, in words that hold \
for other inputs of the kind, and keep all that the text says already and that is not shown wrong. ";
        question + ANSWER
    }
}
