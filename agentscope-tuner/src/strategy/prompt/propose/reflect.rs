//! A proposer model reads what went wrong, and rewrites one slot.

use std::fmt::Write as _;

use super::{ANSWER, Draft, Proposer, View};

/// Reflection on runs of the parent.
pub(in super::super) struct Reflect {
    /// Most failed runs in a question.
    pub(in super::super) failed: usize,
    /// Most runs that went well.
    pub(in super::super) solved: usize,
}

impl Proposer for Reflect {
    fn name(&self) -> &'static str {
        "reflection"
    }

    fn prior(&self) -> (f64, f64) {
        (3.0, 1.5)
    }

    fn asks(&self) -> bool {
        true
    }

    fn learns(&self) -> bool {
        true
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        if view.failed.is_empty() {
            return None;
        }
        let mut question = view.setting();
        question += "\nThese runs with that text went wrong or could have gone better. A row is what the program was given, with all \
that is known about it; the model sees only what the conversation shows.\n";
        for (number, episode) in (1..).zip(view.failed.iter().take(self.failed)) {
            _ = writeln!(question, "\n## Run {number}\n{}", episode.describe());
        }
        let solved: Vec<_> = view.dice.shuffled("solved", view.solved.iter().collect());
        if let Some(first) = solved.first().filter(|_| self.solved > 0) {
            _ = writeln!(question, "\nThese went well, and must go on to:\n\n## Run\n{}", first.describe());
            for episode in solved.iter().skip(1).take(self.solved - 1) {
                _ = writeln!(question, "\n## Run\n{}", episode.describe());
            }
        }
        question += "\nFind out for each run why it was not better: compare what was answered with the feedback and with what the row \
says is right. Write down every fact, rule and form that follows from this and that the text does not state yet, in words that hold \
for other inputs of the kind, and keep all that the text says already and that is not shown wrong. ";
        question += ANSWER;
        Some(Draft::Ask { slot: view.slot.clone(), question })
    }
}
