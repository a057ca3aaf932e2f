//! Rows that went well become worked examples.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Draft, Examples, Proposer, View};
use crate::{
    candidate::SlotValue,
    rollout::Task,
    workflow::{Demo, Demos},
};

/// How many examples there can be.
const SIZES: [usize; 4] = [4, 8, 16, 24];
/// Rows that must agree on a column before it is taken for the question or the right answer.
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
    let mut found: BTreeMap<&str, Demo> = BTreeMap::new();
    if let Some((input, output)) = &view.columns {
        for task in view.train {
            let texts = plain(task.value.get(input)).zip(plain(task.value.get(output)));
            found.extend(texts.map(|(input, output)| (task.id.as_str(), Demo { input, output })));
        }
    }
    let alone = view.prompts().count() == 1;
    for episode in &view.all_solved {
        let example = episode.example(view.slot, alone);
        found.extend(example.map(|demo| (episode.task.id.as_str(), demo)));
    }
    found.into_values().collect()
}

/// The columns that `known` pairs of a row with what was asked and answered agree on: those that hold the question and, of
/// rows that went well, the right answer. `None` where there are too few, or no column fits all.
pub(in super::super) fn columns(
    asked: &[(&Task, String)],
    solved: &[(&Task, String)],
) -> Option<(String, String)> {
    let column = |pairs: &[(&Task, String)]| {
        let first = pairs.first()?.0.value.as_object()?;
        let agrees = |column: &String| {
            pairs
                .iter()
                .all(|(task, text)| plain(task.value.get(column)).is_some_and(|value| value == text.trim()))
        };
        first.keys().find(|column| pairs.len() >= ENOUGH && agrees(column)).cloned()
    };
    Some((column(asked)?, column(solved)?))
}

fn plain(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_columns_of_question_and_answer_are_found_where_all_rows_agree() {
        let tasks: Vec<Task> = (1..4)
            .map(|n| Task { id: n.to_string(), value: json!({"n": n, "q": format!("{n}?"), "a": 2 * n}) })
            .collect();
        let pairs = |text: fn(usize) -> String| -> Vec<(&Task, String)> {
            tasks.iter().enumerate().map(|(at, task)| (task, text(at + 1))).collect()
        };
        let (asked, solved) = (pairs(|n| format!("{n}?")), pairs(|n| (2 * n).to_string()));
        assert_eq!(columns(&asked, &solved), Some(("q".into(), "a".into())));
        assert_eq!(columns(&asked, &solved[..1]), None);
        assert_eq!(columns(&asked, &pairs(|n| format!("about {n}"))), None);
    }
}
