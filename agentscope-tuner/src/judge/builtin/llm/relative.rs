//! All answers to one task at once.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{GUARD, ask, tagged, unfit};
use crate::{
    error::Result,
    judge::Reward,
    message::Msg,
    model::{ChatRequest, Model},
    seed,
};

/// How a group of answers is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Relative {
    /// What makes an answer good.
    pub criteria: String,
    /// Seed of the order in which the model sees the answers: the place of an answer must not decide.
    pub seed: u64,
}

/// What the model fills in.
#[derive(Deserialize, JsonSchema)]
struct Ranking {
    /// One entry for each answer.
    grades: Vec<Grade>,
}

#[derive(Deserialize, JsonSchema)]
struct Grade {
    /// Number of the answer.
    answer: usize,
    /// What is right and wrong with it, compared with the others, in one or two sentences.
    reason: String,
    /// From 0 (worst) to 1 (best).
    score: f64,
}

/// Lets `model` see all `answers` to `task` at once and score them in relation to each other; one reward for each, in
/// [0, 1], in the order of `answers`.
///
/// A model tells two answers apart better side by side than by scores given one at a time, and learning from groups
/// needs no more than the relation (the idea of RULER in OpenPipe's ART). Answers that are equal but for white space at
/// their ends are shown and scored once. Where all are, nothing is to be compared: each is 0.5, without a call.
///
/// # Errors
/// [`ErrorKind::Model`](crate::error::ErrorKind::Model) when the model fails, leaves out an answer, or leaves the range.
pub async fn relative(
    model: &Model,
    task: &str,
    answers: &[impl AsRef<str>],
    options: &Relative,
) -> Result<Vec<Reward>> {
    let group = Group::new(answers, options.seed);
    if group.shown.len() < 2 {
        let only = Reward::new(0.5).feedback("all answers are the same");
        return Ok(vec![only; answers.len()]);
    }
    let request = request(task, &group.shown, &options.criteria);
    let rewards = ask(model, &request, |ranking| rewards(ranking, group.shown.len())).await?;
    Ok(group.places.iter().map(|place| rewards[*place].clone()).collect())
}

/// The different answers, in the order in which they are shown.
struct Group<'a> {
    shown: Vec<&'a str>,
    /// For each answer given, where it is shown.
    places: Vec<usize>,
}

impl<'a> Group<'a> {
    fn new(answers: &'a [impl AsRef<str>], seed: u64) -> Self {
        let texts: Vec<_> = answers.iter().map(|answer| answer.as_ref().trim()).collect();
        let mut shown = texts.clone();
        shown.sort_unstable_by_key(|text| (seed::draw(seed, "relative", [text.as_bytes()]), *text));
        shown.dedup();
        let place: HashMap<_, _> = shown.iter().zip(0..).map(|(text, place)| (*text, place)).collect();
        Self { places: texts.iter().map(|text| place[text]).collect(), shown }
    }
}

fn request(task: &str, answers: &[&str], criteria: &str) -> ChatRequest {
    let system = format!(
        "{GUARD}\n\nYou see several answers to one task. Compare them by these criteria and give each a score from 0 \
         (worst) to 1 (best). Better answers get higher scores; small differences get small ones. Their order means \
         nothing.\n{}",
        tagged("criteria", criteria)
    );
    let numbered = (1..).zip(answers).map(|(number, answer)| tagged(&format!("answer_{number}"), answer));
    let user = std::iter::once(tagged("task", task)).chain(numbered).collect::<Vec<_>>().join("\n\n");
    ChatRequest::new([Msg::system(system), Msg::user(user)])
}

/// The reward of each answer shown.
fn rewards(mut ranking: Ranking, shown: usize) -> Result<Vec<Reward>> {
    ranking.grades.sort_by_key(|grade| grade.answer);
    let complete = ranking.grades.iter().map(|grade| grade.answer).eq(1..=shown);
    if !complete {
        let message =
            format!("the judging model was shown answers 1 to {shown}, but did not grade each of them once");
        return Err(unfit(message));
    }
    ranking.grades.into_iter().map(reward).collect()
}

fn reward(Grade { answer, reason, score }: Grade) -> Result<Reward> {
    if (0.0..=1.0).contains(&score) {
        return Ok(Reward::new(score).feedback(reason));
    }
    Err(unfit(format!("the judging model gave answer {answer} the score {score}, but was asked for 0 to 1")))
}
