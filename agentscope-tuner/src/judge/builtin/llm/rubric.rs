//! One answer against a rubric.

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{GUARD, ask, tagged, unfit};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::Reward,
    message::Msg,
    model::{ChatRequest, Model},
};

/// What a model scores by.
#[derive(Clone, Debug, PartialEq)]
pub struct Rubric {
    /// What makes an answer good, and what each score means.
    pub criteria: String,
    /// The score of the worst answer.
    pub lowest: f64,
    /// The score of the best answer, above `lowest`.
    pub highest: f64,
    /// How often the model is asked, at least 1.
    pub repeats: u32,
}

impl Rubric {
    /// A rubric from 1 to 5, asked once.
    pub fn new(criteria: impl Into<String>) -> Self {
        Self { criteria: criteria.into(), lowest: 1.0, highest: 5.0, repeats: 1 }
    }

    /// Everything that is wrong with it.
    pub fn faults(&self) -> Vec<String> {
        let Self { criteria, lowest, highest, repeats } = self;
        let ordered = lowest.is_finite() && highest.is_finite() && lowest < highest;
        [
            (criteria.trim().is_empty(), "the rubric is empty: say what makes an answer good".to_owned()),
            (
                !ordered,
                format!("scores from {lowest} to {highest}, but the lowest must be below the highest"),
            ),
            (*repeats == 0, "repeats is 0, but must be at least 1".to_owned()),
        ]
        .into_iter()
        .filter_map(|(wrong, fault)| wrong.then_some(fault))
        .collect()
    }
}

/// What the model fills in; the reason comes first, so that the score follows from it.
#[derive(Deserialize, JsonSchema)]
struct Grade {
    /// What is right and wrong with the answer, in two or three sentences.
    reason: String,
    /// The score.
    score: f64,
}

/// Lets `model` score `answer` to `task` by a rubric; `reference` is a good answer, where there is one.
///
/// The value is the mean over the repeats of (score − lowest) / (highest − lowest), in [0, 1]. Metrics: `score`, the
/// mean in the rubric's own unit, and with repeats `score-sd`, their standard deviation (n − 1). Feedback: the reason
/// of the lowest score. Repeats differ only where the model samples, that is at a temperature above 0.
///
/// # Errors
/// [`ErrorKind::Config`] when the rubric has [faults](Rubric::faults); [`ErrorKind::Model`] when the model fails or
/// leaves the range of scores.
pub async fn rubric(
    model: &Model,
    task: &str,
    answer: &str,
    reference: Option<&str>,
    rubric: &Rubric,
) -> Result<Reward> {
    let faults = rubric.faults();
    if !faults.is_empty() {
        return Err(Error::new(ErrorKind::Config, faults.join("\n")));
    }
    let request = request(task, answer, reference, rubric);
    let asked = (0..rubric.repeats).map(|_| ask(model, &request, |grade| within(grade, rubric)));
    let grades = try_join_all(asked).await?;
    Ok(summary(grades, rubric))
}

fn within(grade: Grade, rubric: &Rubric) -> Result<Grade> {
    let Rubric { lowest, highest, .. } = rubric;
    if (*lowest..=*highest).contains(&grade.score) {
        return Ok(grade);
    }
    Err(unfit(format!(
        "the judging model gave the score {}, but was asked for {lowest} to {highest}",
        grade.score
    )))
}

fn request(task: &str, answer: &str, reference: Option<&str>, rubric: &Rubric) -> ChatRequest {
    let Rubric { criteria, lowest, highest, .. } = rubric;
    let system = format!(
        "{GUARD}\n\nScore the answer to the task by these criteria, from {lowest} (worst) to {highest} (best):\n{}",
        tagged("criteria", criteria)
    );
    let reference =
        reference.map(|text| format!("\n\n{}", tagged("reference_answer", text))).unwrap_or_default();
    let user = format!("{}{reference}\n\n{}", tagged("task", task), tagged("answer", answer));
    ChatRequest::new([Msg::system(system), Msg::user(user)])
}

fn summary(grades: Vec<Grade>, rubric: &Rubric) -> Reward {
    let all = f64::from(rubric.repeats);
    let mean = grades.iter().map(|grade| grade.score).sum::<f64>() / all;
    let squares: f64 = grades.iter().map(|grade| (grade.score - mean).powi(2)).sum();
    // A mean of equal scores may round past them.
    let value = ((mean - rubric.lowest) / (rubric.highest - rubric.lowest)).clamp(0.0, 1.0);
    let mut reward = Reward::new(value).metric("score", mean);
    if rubric.repeats > 1 {
        reward = reward.metric("score-sd", (squares / (all - 1.0)).sqrt());
    }
    match grades.into_iter().min_by(|one, other| one.score.total_cmp(&other.score)) {
        Some(worst) => reward.feedback(worst.reason),
        None => reward,
    }
}
