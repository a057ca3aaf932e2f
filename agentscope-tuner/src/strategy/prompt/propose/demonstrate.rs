//! Rows that went well become worked examples.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Draft, Examples, Proposer, View};
use crate::{
    candidate::SlotValue,
    rollout::Task,
    workflow::{Demo, Demos},
};

/// How many examples there can be; more where the data give right answers away.
const SIZES: [usize; 4] = [2, 4, 8, 16];
const LABELLED: [usize; 4] = [8, 16, 16, 24];
/// Right answers of the data that a text without examples is given.
const MANY: usize = 48;
/// Rows, and different answers, that must agree with a column before it is taken for the question or the right answer.
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

    fn learns(&self, labelled: bool) -> bool {
        !labelled
    }

    fn is_first(&self, number: u64, labelled: bool) -> bool {
        // Right answers cost nothing and show what reflection has to find out.
        labelled && number == 1
    }

    fn draft(&self, view: &View<'_>) -> Option<Draft> {
        let mut examples = examples(view);
        if examples.is_empty() {
            return None;
        }
        let sizes = if view.columns.is_some() { &LABELLED } else { &SIZES };
        let drawn = view.dice.pick("size", sizes).copied().unwrap_or_default();
        // What the data say is right costs nothing to find out: the first to be shown any is shown many, later ones whether fewer do.
        let is_first = view.columns.is_some() && Examples::split(view.prompt(view.slot)).1.is_none();
        let size = if is_first { MANY } else { drawn };
        examples = view.dice.shuffled("examples", examples);
        examples.truncate(fitting(&examples, view.max_length / 2).min(size));
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
        // What the data say goes before what a judge, who may err, let pass.
        if let Some(demo) = example {
            found.entry(episode.task.id.as_str()).or_insert(demo);
        }
    }
    found.into_values().collect()
}

/// How many of `examples` have no more than so many characters together; the first always fits.
fn fitting(examples: &[Demo], most: usize) -> usize {
    let mut length = 0;
    let fits = |demo: &&Demo| {
        length += demo.input.chars().count() + demo.output.chars().count();
        length <= most
    };
    examples.iter().take_while(fits).count().max(1)
}

/// A row with what was asked or answered about it.
pub(in super::super) type Said<'a> = (&'a Task, String);

/// The column that what was `asked` is equal to on all rows, and the one that answers are equal to more than twice as often
/// where they went `well` as where they went `ill`; else the only other column. `None` where none fits.
pub(in super::super) fn columns(
    asked: &[Said<'_>],
    well: &[Said<'_>],
    ill: &[Said<'_>],
) -> Option<(String, String)> {
    let names: Vec<&String> = asked.first()?.0.value.as_object()?.keys().collect();
    let is_question = |name: &&&String| asked.len() >= ENOUGH && agreeing(name, asked).len() == asked.len();
    let question = names.iter().find(is_question)?;
    let is_answer = |name: &&&String| {
        let distinct: BTreeSet<String> = agreeing(name, well).into_iter().collect();
        // Shares of both, made whole numbers.
        let (in_well, in_ill) =
            (agreeing(name, well).len() * ill.len(), agreeing(name, ill).len() * well.len());
        distinct.len() >= ENOUGH && (ill.is_empty() || in_well > 2 * in_ill)
    };
    let only = || names.iter().find(|name| names.len() == 2 && *name != question);
    let answer = names.iter().find(is_answer).or_else(only)?;
    Some(((*question).clone(), (*answer).clone()))
}

/// The texts that are equal to the column `name` of their row.
fn agreeing(name: &str, said: &[Said<'_>]) -> Vec<String> {
    let texts =
        said.iter().map(|(task, text)| plain(task.value.get(name)).filter(|value| value == text.trim()));
    texts.flatten().collect()
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

    fn said(tasks: &[Task], text: fn(usize) -> String) -> Vec<Said<'_>> {
        tasks.iter().enumerate().map(|(at, task)| (task, text(at + 1))).collect()
    }

    #[test]
    fn the_columns_of_question_and_answer_are_found_by_what_was_asked_and_answered() {
        let row =
            |n: usize| Task { id: n.to_string(), value: json!({"n": n, "q": format!("{n}?"), "a": 2 * n}) };
        let tasks: Vec<Task> = (1..4).map(row).collect();
        let (asked, well) = (said(&tasks, |n| format!("{n}?")), said(&tasks, |n| (2 * n).to_string()));
        let found = Some(("q".to_owned(), "a".to_owned()));
        assert_eq!(columns(&asked, &well, &[]), found);
        assert_eq!(columns(&asked, &well[..1], &[]), None);
        assert_eq!(columns(&asked[..1], &well, &[]), None);
        assert_eq!(columns(&asked, &said(&tasks, |n| format!("about {n}")), &[]), None);
        // What is as frequent among wrong answers is not what makes them right; a judge that errs now and then hides nothing.
        assert_eq!(columns(&asked, &well, &well), None);
        let noisy: Vec<_> = well[..2].iter().cloned().chain([(&tasks[2], "?".to_owned())]).collect();
        assert_eq!(columns(&asked, &noisy, &said(&tasks, |_| "?".to_owned())), found);
    }

    #[test]
    fn many_examples_leave_room_for_the_text() {
        let demo = |length: usize| Demo { input: "ä".repeat(length), output: "z".into() };
        assert_eq!(fitting(&[demo(9), demo(19), demo(1)], 30), 2);
        assert_eq!(fitting(&[demo(9), demo(19), demo(1)], 32), 3);
        assert_eq!(fitting(&[demo(99)], 30), 1);
    }

    #[test]
    fn of_two_columns_the_one_that_is_not_asked_is_the_answer() {
        let row = |n: usize| Task { id: n.to_string(), value: json!({"q": format!("{n}?"), "a": 2 * n}) };
        let tasks: Vec<Task> = (1..4).map(row).collect();
        let asked = said(&tasks, |n| format!("{n}?"));
        assert_eq!(columns(&asked, &[], &asked), Some(("q".to_owned(), "a".to_owned())));
    }
}
