//! Judges of `tuner.toml`, from the file through the engine to the record.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::Path, sync::Arc};

use agentscope_tuner::{
    candidate::Candidate,
    config::Config,
    judge,
    judge::Reward,
    model::Model,
    prelude::Result,
    registry::Registry,
    rollout::{Job, Record, Status, Store, Task},
    tuner::Session,
    workflow,
};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Deserialize)]
struct Sum {
    question: String,
}

/// Asks a model.
#[workflow]
async fn ask(task: Sum, #[model("fast")] model: Model) -> Result<String> {
    model.ask(task.question).await
}

/// Whether the answer is short, with what that means in feedback.
#[judge(for = ask)]
async fn short(_task: &Sum, answer: &str, #[model("strict")] model: Model) -> Result<Reward> {
    let opinion = model.ask("Is it short?").await?;
    Ok(Reward::from(answer.len() < 10).metric("length", answer.len() as f64).feedback(opinion))
}

const MODELS: &str = r#"
    [models.fast]
    provider = "scripted"
    name = "fast"
    path = "fast.toml"
    price = { input = 1.0, output = 1.0 }
    [models.strict]
    provider = "scripted"
    name = "strict"
    path = "strict.toml"
    price = { input = 1.0, output = 1.0 }
"#;

fn registry() -> Registry {
    Registry::builder().workflow::<ask>().judge::<short>().build().unwrap()
}

fn config(text: &str, directory: &Path) -> Config {
    Config::parse(&format!("{text}\n{MODELS}"), "tuner.toml", directory.to_owned(), None, &[]).unwrap()
}

/// The record of one rollout under `text`.
async fn record(text: &str) -> Record {
    let directory = tempfile::tempdir().unwrap();
    let script = |name: &str, rules: &str| std::fs::write(directory.path().join(name), rules).unwrap();
    script("fast.toml", "[[rule]]\nreply = 'It is 42'");
    script(
        "strict.toml",
        "[[rule]]\nin = 'system'\ncontains = 'Score the answer'\nreply = '{\"reason\": \"fine\", \"score\": 4}'\n\
         [[rule]]\nreply = 'Very.'",
    );
    let (registry, config) = (registry(), config(text, directory.path()));
    let session = Session::prepare(&registry, &config).unwrap();
    let candidate = Candidate::configured();
    let models = session.models(std::slice::from_ref(&candidate)).unwrap();
    let store = Store::open(directory.path().join("run.sqlite")).unwrap();
    let engine = session.engine(models, store, CancellationToken::new()).unwrap();
    let task = Task { id: "row/0".to_owned(), value: json!({"question": "6 x 7 ?", "answer": 42}) };
    let job = Job { candidate: Arc::new(candidate), task: Arc::new(task), attempt: 0 };
    let mut run = engine.run([job], |_| {}).await.unwrap();
    assert!(run.stopped.is_none(), "{:?}", run.stopped);
    Arc::unwrap_or_clone(run.records.pop().unwrap())
}

fn fault(text: &str) -> String {
    let (registry, config) = (registry(), config(text, Path::new("")));
    Session::prepare(&registry, &config).unwrap_err().to_string()
}

#[tokio::test]
async fn a_configured_judge_scores_without_code() {
    let record = record("judge = 'right'\n[judges.right]\nkind = 'numeric'\nfield = 'answer'").await;
    assert_eq!((record.status, record.reward), (Status::Scored, Some(1.0)), "{:?}", record.error);
    assert_eq!(record.metrics["error"], 0.0);
    assert_eq!(record.judge_spent.calls, 0);
}

#[tokio::test]
async fn spending_is_that_of_the_workflow() {
    let tokens = record("judge = 'few'\n[judges.few]\nkind = 'tokens'").await;
    assert_eq!(tokens.reward, Some(-7.0), "four words asked, three answered");
    let cost = record("judge = 'cheap'\n[judges.cheap]\nkind = 'cost'").await;
    assert!((cost.reward.unwrap() + 7e-6).abs() < 1e-15, "{:?}", cost.reward);
    let time = record("judge = 'fast'\n[judges.fast]\nkind = 'time'").await;
    assert_eq!(time.reward, Some(-time.seconds));
}

#[tokio::test]
async fn a_rubric_asks_its_model_at_the_judges_expense() {
    let text = "judge = 'good'\n[judges.good]\nkind = 'rubric'\nmodel = 'strict'\ncriteria = 'Be right.'\nrepeats = 3";
    let record = record(text).await;
    assert_eq!((record.status, record.reward), (Status::Scored, Some(0.75)), "{:?}", record.error);
    assert_eq!((record.spent.calls, record.judge_spent.calls), (1, 3));
    assert_eq!(record.feedback.as_deref(), Some("fine"));
}

#[tokio::test]
async fn a_sum_mixes_configured_judges_with_those_of_the_program() {
    let record = record(
        "judge = 'total'\n[judges.right]\nkind = 'exact'\nfield = 'answer'\n[judges.total]\nkind = 'weighted'\n\
         parts = [{ judge = 'right', weight = 0.7 }, { judge = 'short', weight = 0.2 },\n\
         { name = 'good', kind = 'rubric', model = 'strict', criteria = 'Be right.', weight = 0.4 }]",
    )
    .await;
    assert_eq!(record.status, Status::Scored, "{:?}", record.error);
    assert!((record.reward.unwrap() - (0.2 + 0.4 * 0.75)).abs() < 1e-12, "{:?}", record.reward);
    assert_eq!(
        (record.metrics["right"], record.metrics["short.length"], record.metrics["good"]),
        (0.0, 8.0, 0.75)
    );
    let feedback = record.feedback.unwrap();
    let lines: Vec<_> = feedback.lines().collect();
    assert!(lines[0].starts_with("right: expected \"42\""), "{feedback}");
    assert_eq!(lines[1..], ["short: Very.", "good: fine"]);
    assert_eq!(record.judge_spent.calls, 2);
}

#[tokio::test]
async fn a_row_without_the_reference_fails_its_judge() {
    let record = record("judge = 'right'\n[judges.right]\nkind = 'exact'\nfield = 'solution'").await;
    assert_eq!(record.status, Status::JudgeFailed);
    assert!(record.error.unwrap().contains("no field `solution`"));
}

#[test]
fn the_only_judge_need_not_be_named() {
    let (registry, directory) = (Registry::builder().workflow::<ask>().build().unwrap(), Path::new(""));
    let text = "[judges.right]\nkind = 'exact'\nfield = 'answer'\n\
                [judges.total]\nkind = 'weighted'\nparts = [{ judge = 'right', weight = 1 }]";
    let config = config(text, directory);
    let session = Session::prepare(&registry, &config).unwrap();
    assert_eq!(session.judge.unwrap().name(), "total");
}

#[test]
fn a_choice_that_is_not_clear_is_a_fault() {
    let right = "[judges.right]\nkind = 'exact'\nfield = 'answer'\n";
    assert!(fault(right).contains("which judge?") && fault(right).contains("short, right"));
    assert!(fault(&format!("judge = 'rihgt'\n{right}")).contains("did you mean `right`"));
    assert!(fault("[judges.short]\nkind = 'tokens'").contains("rename one"));
    assert!(fault("[judges.right]\nkind = 'exat'").contains("did you mean `exact`"));
    let sum = |parts: &str| {
        fault(&format!("judge = 'total'\n{right}[judges.total]\nkind = 'weighted'\nparts = [{parts}]"))
    };
    assert!(sum("{ judge = 'left', weight = 1 }").contains("there is no part `left`"));
    assert!(sum("{ judge = 'right', weight = 0 }").contains("weight of `right`"));
    assert!(sum("{ judge = 'total', weight = 1 }").contains("a weighted sum itself"));
}
