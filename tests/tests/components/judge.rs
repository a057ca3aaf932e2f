use std::sync::Arc;

use agentscope_tuner::{
    judge::{Judge, Judged, Rewards},
    prelude::*,
};
use serde_json::Value;

use crate::echo;

/// A row.
#[derive(Clone, Deserialize)]
struct Sum {
    terms: [i64; 2],
}

/// Adds.
#[workflow]
async fn add(sum: Sum) -> Result<i64> {
    Ok(sum.terms.iter().sum())
}

/// Whether the sum is right.
#[judge(for = add)]
async fn right(sum: &Sum, response: &i64) -> bool {
    sum.terms.iter().sum::<i64>() == *response
}

/// How near the sum is, by value, with a reason.
#[judge(for = self::add, name = "near")]
async fn nearness(sum: Sum, response: i64, context: Context) -> Result<Reward, std::num::TryFromIntError> {
    let error = u32::try_from(sum.terms.iter().sum::<i64>() - response)?;
    let reward = Reward::new(1.0 / (1.0 + f64::from(error)));
    Ok(reward.metric("attempt", context.attempt().into()).feedback(format!("off by {error}")))
}

/// Asks a model.
#[judge]
async fn opinion(
    task: &Value,
    response: Value,
    #[model("strong")] grader: &Model,
    #[prompt("Grade {task}:")] rubric: Prompt,
) -> Result<f64> {
    let answer = grader.ask(format!("{rubric} {task} {response}")).await?;
    Ok(answer.parse()?)
}

/// For a workflow of another crate.
#[judge(for = fixture_component::parrot)]
async fn polite(_question: &str, answer: &str) -> f64 {
    if answer.contains("please") { 1.0 } else { 0.5 }
}

fn judged<T: Send + Sync + 'static, R: Send + Sync + 'static>(task: T, response: R) -> Judged {
    Judged { task: Arc::new(task), response: Arc::new(response) }
}

async fn reward<J: Judge>(judged: Judged, context: Context) -> Result<Reward> {
    match (J::ENTRY.run)(judged, context).await? {
        Rewards::One(reward) => Ok(reward),
        Rewards::Each(_) => panic!("several rewards for one response"),
    }
}

#[tokio::test]
async fn task_and_response_become_a_reward() {
    let context = Context::builder("test").attempt(2).build();
    let sum = Sum { terms: [1, 2] };
    assert_eq!(reward::<right>(judged(sum.clone(), 3_i64), context.clone()).await.unwrap(), Reward::new(1.0));
    assert_eq!(reward::<right>(judged(sum.clone(), 4_i64), context.clone()).await.unwrap(), Reward::new(0.0));

    let near = reward::<nearness>(judged(sum.clone(), 2_i64), context.clone()).await.unwrap();
    assert_eq!(near, Reward::new(0.5).metric("attempt", 2.0).feedback("off by 1"));
    assert!(reward::<nearness>(judged(sum, 9_i64), context).await.is_err());
}

#[tokio::test]
async fn a_judge_has_slots_too() {
    let context = Context::builder("test").slot("grader", echo()).slot("rubric", "Grade").build();
    let graded = reward::<opinion>(judged(Value::Null, Value::from(0.25)), context).await.unwrap();
    assert_eq!(graded.value, 0.25);
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error() {
    let context = Context::builder("test").build();
    let error = reward::<right>(judged("1 + 2", 3_i64), context).await.unwrap_err();
    assert!(error.to_string().contains("::Sum"), "{error}");
}

#[tokio::test]
async fn the_function_stays_plain_rust() {
    assert!(right(&Sum { terms: [1, 2] }, &3).await);
}

#[test]
fn the_entry_names_the_workflow() {
    assert_eq!(right::ENTRY.workflow, Some("add"));
    assert_eq!(nearness::ENTRY.workflow, Some("add"));
    assert_eq!(polite::ENTRY.workflow, Some("parrot"));
    assert_eq!(opinion::ENTRY.workflow, None);
    assert_eq!(nearness::ENTRY.meta.name, "near");
    assert!(opinion::ENTRY.task.is_json() && opinion::ENTRY.response.is_json());
}
