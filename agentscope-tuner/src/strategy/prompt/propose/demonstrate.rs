//! Rows that went well become worked examples.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Draft, Examples, Proposer, View};
use crate::{
    candidate::SlotValue,
    strategy::prompt::episode::Episode,
    workflow::{Demo, Demos},
};

/// How many examples there can be.
const SIZES: [usize; 4] = [2, 4, 8, 16];
/// Rows that went well whose response must be a column of the row before that column is taken for the right answer.
const ENOUGH: usize = 2;

/// Few-shot examples from rows to learn from.
pub(in super::super) struct Demonstrate;

impl Proposer for Demonstrate {
    fn name(&self) -> &'static str {
        "demonstrations"
    }

    fn prior(&self) -> (f64, f64) {
        (2.0, 1.5)
    }

    fn learns(&self) -> bool {
        true
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        let mut examples = examples(view);
        if examples.is_empty() {
            return None;
        }
        let size = view.dice.pick("size", &SIZES).copied().unwrap_or(SIZES[0]);
        examples = view.dice.shuffled("examples", examples);
        examples.truncate(size);
        let mut slots = view.slots().clone();
        match view.tuned.iter().find(|tuned| tuned.demos) {
            Some(slot) => _ = slots.insert(slot.path.clone(), SlotValue::Demos(examples)),
            None => {
                let text =
                    Examples::join(view.text(), Some(&examples.into_iter().collect::<Demos>().to_string()));
                slots.insert(view.slot.clone(), SlotValue::Prompt(text));
            }
        }
        (slots != *view.slots()).then(|| Draft::Made { slots, parents: vec![view.parent] })
    }
}

/// What went well and, where the data says what is right, what it says.
fn examples(view: &View<'_>) -> Vec<Demo> {
    let solved = &view.all_solved;
    let mut found: BTreeMap<String, Demo> = BTreeMap::new();
    if let Some(column) = answer_column(solved) {
        // Of these rows too the input as a model saw it is known.
        for episode in view.failed.iter().chain(&view.solved) {
            if let Some(output) = episode.task.value.get(&column).and_then(plain) {
                found.insert(episode.task.id.clone(), Demo { input: episode.input(), output });
            }
        }
    }
    for episode in solved {
        found.insert(episode.task.id.clone(), Demo { input: episode.input(), output: episode.output() });
    }
    found.into_values().collect()
}

/// The column that the response was equal to wherever it went well.
fn answer_column(solved: &[Episode]) -> Option<String> {
    let first = solved.first()?.task.value.as_object()?;
    let agrees = |column: &String, episode: &Episode| {
        episode.task.value.get(column).and_then(plain).is_some_and(|value| value == episode.output().trim())
    };
    let enough = solved.len() >= ENOUGH;
    first.keys().find(|column| enough && solved.iter().all(|episode| agrees(column, episode))).cloned()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
