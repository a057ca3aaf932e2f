//! Strategies under a judge that compares all responses to a row.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use agentscope_tuner::{
    candidate::{Candidate, SlotPath, SlotValue},
    model::scripted::Scripted,
    prelude::*,
    strategy::{Evaluation, ModelSelection, Outcome, PromptTuning, Strategy, Verdict},
    tuner::Tuner,
};
use serde_json::json;

#[derive(Clone, Deserialize)]
struct Task {
    topic: String,
}

/// Writes about a topic.
#[workflow]
async fn write(task: Task, model: Model, #[prompt("Write.")] style: Prompt) -> Result<String> {
    model.ask(format!("{style} {}", task.topic)).await
}

/// One point for each other response that is shorter.
#[judge(for = write)]
async fn longest(_task: &Task, responses: &Group<String>) -> Vec<f64> {
    let shorter = |one: &String| responses.iter().filter(|other| other.len() < one.len()).count() as f64;
    responses.iter().map(shorter).collect()
}

async fn run(strategy: impl Strategy) -> Result<Outcome> {
    let runs = tempfile::tempdir().unwrap();
    let rows = |from: usize| (from..from + 40).map(|row| json!({"topic": format!("topic {row}")}));
    Tuner::new::<write, longest>()
        .dataset(Dataset::from_rows(rows(0)))
        .train(Dataset::from_rows(rows(100)))
        .model("model", Scripted::new("echo", |request| request.messages[0].text()))
        .runs(runs.path())
        .run(strategy)
        .await
}

#[tokio::test]
async fn a_selection_runs_everybody_on_every_row() {
    let styled = |style: &str| {
        Candidate::new(style).with(SlotPath::new("write", "style"), SlotValue::Prompt(style.into()))
    };
    let candidates = ["a", "bb", "ccc"].map(styled).to_vec();
    let outcome = run(ModelSelection { candidates, ..ModelSelection::default() }).await.unwrap();
    assert_eq!(outcome.winner.as_deref(), Some("ccc"), "{outcome:?}");
    assert_eq!(outcome.comparisons.len(), 2);
    assert!(outcome.comparisons.iter().all(|pair| pair.verdict == Verdict::Worse), "{outcome:?}");
    assert!(outcome.candidates.iter().all(|one| one.counts.scored == 40), "{outcome:?}");
    assert_eq!(outcome.candidates[0].reward.unwrap().mean, 2.0);
}

#[tokio::test]
async fn one_response_to_a_row_is_refused_with_the_remedy() {
    let error = run(Evaluation::default()).await.unwrap_err().to_string();
    assert!(error.contains("--repeats"), "{error}");
    assert!(run(Evaluation { repeats: 2, ..Evaluation::default() }).await.is_ok());
    let error = run(PromptTuning::default()).await.unwrap_err().to_string();
    assert!(error.contains("`rubric`"), "{error}");
}
