//! Two answers against each other.

use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{GUARD, ask, tagged};
use crate::{
    error::Result,
    judge::Reward,
    message::Msg,
    model::{ChatRequest, Model},
};

/// What the model fills in.
#[derive(Deserialize, JsonSchema)]
struct Comparison {
    /// What decides between the answers, in two or three sentences.
    reason: String,
    /// The better answer.
    better: Better,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Better {
    A,
    B,
    Tie,
}

/// Lets `model` compare `answer` with `other`, once in each order, since models favour a position.
///
/// The value is the mean of both verdicts for `answer`: 1 better, 0.5 tied, 0 worse. Metric: `consistent`, 1 where both
/// orders name the same winner, else 0. Feedback: the reason of the order that was worse for `answer`. Equal answers
/// are tied without a call.
///
/// # Errors
/// [`ErrorKind::Model`](crate::error::ErrorKind::Model) when the model fails.
pub async fn pairwise(
    model: &Model,
    task: &str,
    answer: &str,
    other: &str,
    criteria: &str,
) -> Result<Reward> {
    if answer.trim() == other.trim() {
        return Ok(Reward::new(0.5).metric("consistent", 1.0).feedback("the answers are the same"));
    }
    let orders = [request(task, answer, other, criteria), request(task, other, answer, criteria)];
    let (first, second) =
        try_join(ask(model, &orders[0], Ok::<Comparison, _>), ask(model, &orders[1], Ok::<Comparison, _>))
            .await?;
    let (as_a, as_b) = (points(first.better, Better::A), points(second.better, Better::B));
    let reason = if as_a <= as_b { first.reason } else { second.reason };
    let consistent = if as_a == as_b { 1.0 } else { 0.0 };
    Ok(Reward::new(f64::midpoint(as_a, as_b)).metric("consistent", consistent).feedback(reason))
}

fn points(better: Better, own: Better) -> f64 {
    match better {
        Better::Tie => 0.5,
        winner if winner == own => 1.0,
        _ => 0.0,
    }
}

fn request(task: &str, a: &str, b: &str, criteria: &str) -> ChatRequest {
    let system = format!(
        "{GUARD}\n\nSay which of two answers to the task, A or B, is better by these criteria, or that they are \
         equally good (tie). Their order means nothing.\n{}",
        tagged("criteria", criteria)
    );
    let user = format!("{}\n\n{}\n\n{}", tagged("task", task), tagged("answer_a", a), tagged("answer_b", b));
    ChatRequest::new([Msg::system(system), Msg::user(user)])
}
