//! A proposer model writes a text from samples of the data and a tip, without a failed run.

use std::fmt::Write as _;

use super::{ANSWER, Draft, Proposer, View, fenced_text};
use crate::strategy::prompt::episode::{short, shown};

/// Rows of the data that are shown.
const ROWS: usize = 8;
/// Earlier texts that are shown with their rewards.
const EARLIER: usize = 4;
/// One of these goes with each question.
const TIPS: [&str; 6] = [
    "State precisely what the answer must look like, and nothing that the model does anyway.",
    "Name the steps that lead to a right answer, in their order.",
    "Say what kinds of input there are, and what is to be done with each.",
    "Write for a reader who has never seen such a task: define the terms that the data uses.",
    "Warn of the mistakes that are easiest to make on such data.",
    "Write the shortest text that could work.",
];

/// Instruction from the data.
pub(in super::super) struct Instruct;

impl Proposer for Instruct {
    fn name(&self) -> &'static str {
        "instruction"
    }

    fn prior(&self) -> (f64, f64) {
        (1.0, 1.5)
    }

    fn asks(&self) -> bool {
        true
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        let mut question = view.setting(view.slot);
        question += "\nRows that the program is given, with all that is known about them:\n";
        for task in view.dice.shuffled("sample", view.train.iter().collect()).into_iter().take(ROWS) {
            _ = writeln!(question, "- {}", short(&task.value.to_string()));
        }
        let mut earlier: Vec<usize> = (0..view.pool.len()).filter(|one| *one != view.parent).collect();
        earlier.sort_by(|one, other| view.worths[*other].total_cmp(&view.worths[*one]).then(one.cmp(other)));
        for one in earlier.into_iter().take(EARLIER) {
            let text = match view.pool[one].candidate.slots.get(view.slot) {
                Some(crate::candidate::SlotValue::Prompt(text)) => text,
                _ => continue,
            };
            _ = write!(question, "\nAnother text, with {}:\n{}", standing(view, one), fenced_text(text));
        }
        let own = standing(view, view.parent);
        let tip = view.dice.pick("tip", &TIPS).copied().unwrap_or_default();
        _ = write!(
            question,
            "{}\nThe text to be improved has {own}. Write a better one. {tip} {ANSWER}",
            view.aims()
        );
        Some(Draft::Ask(vec![(view.slot.clone(), question)]))
    }
}

/// How well one of the pool does.
fn standing(view: &View<'_>, one: usize) -> String {
    let worth = match view.objectives.is_empty() {
        true => String::new(),
        false => format!(" (worth {})", shown(view.worths[one])),
    };
    format!("a mean reward of {}{worth}", shown(view.rewards[one]))
}
