//! A proposer model reads what went wrong, and rewrites one slot or all.

use std::fmt::Write as _;

use super::{ANSWER, Draft, Proposer, View};
use crate::candidate::SlotPath;

/// What stands before the runs: those that went wrong, or none of them.
const FAILED: &str = "These runs with that text went wrong or could have gone better. A row is what the program was given, with all \
that is known about it; the model sees only what the conversation shows.\n";
const ROWS: &str = "A row is what the program was given, with all that is known about it; the model sees only what the conversation \
shows.\n";

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
        // Where the reward is not all that counts, there is something to learn from runs that went well, too.
        if view.failed.is_empty() && (view.objectives.is_empty() || view.solved.is_empty()) {
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
        let runs = if view.failed.is_empty() { ROWS } else { FAILED };
        question += &format!("{}\n{runs}", view.aims());
        for (number, episode) in (1..).zip(view.failed.iter().take(self.failed)) {
            _ = writeln!(question, "\n## Run {number}\n{}", episode.describe());
        }
        let most = if view.failed.is_empty() { self.failed } else { self.solved };
        let solved = view.dice.shuffled("solved", view.solved.iter().collect());
        for (number, episode) in solved.iter().take(most).enumerate() {
            let heading = if number == 0 { "\nThese went well, and must go on to:\n" } else { "" };
            _ = writeln!(question, "{heading}\n## Run\n{}", episode.describe());
        }
        question += "\nFind out for each run why it was not better: compare what was answered with the feedback and with what the row \
says is right. Write down every fact, rule and form that follows from this and that the text does not state yet, in words that hold \
for other inputs of the kind, and keep all that the text says already and that is not shown wrong. ";
        if !view.objectives.is_empty() {
            question += "Where it costs no reward, change the text so that what else counts gets better, and say less where less says it. ";
        }
        question + ANSWER
    }
}
