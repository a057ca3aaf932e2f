//! Limits and budgets hold for whoever asks through the gateway, and failures are blamed on who made them.

use agentscope_tuner::{
    error::ModelFailure,
    model::{ChatModel, ChatRequest, ChatResponse, ModelId, openai, scripted::Scripted},
    prelude::*,
    rollout::{Allowance, Options, Record, RolloutLimits, Status, Store},
    strategy::{Evaluation, Outcome},
    tuner::Tuner,
};
use futures_util::future::BoxFuture;
use serde_json::json;

/// Asks five times through a client of its own, which does not try again.
#[workflow]
async fn asks_five_times(task: String, model: ModelEndpoint) -> Result<String> {
    let client =
        openai(model.model()).base_url(model.base_url()).api_key(model.api_key()).max_retries(0).build()?;
    let mut last = String::new();
    for number in 0..5 {
        last = client.ask(format!("{task} {number}")).await.map_err(|error| Error::from(error.chain()))?;
    }
    Ok(last)
}

/// Always content.
#[judge]
async fn content(_task: &str, _response: &str) -> bool {
    true
}

async fn evaluate(model: impl ChatModel, options: Options) -> (Outcome, Vec<Record>) {
    let runs = tempfile::tempdir().unwrap();
    let outcome = Tuner::new::<asks_five_times, content>()
        .dataset(Dataset::from_rows([json!("a"), json!("b")]))
        .model("model", agentscope_tuner::model::Model::new(model))
        .options(options)
        .runs(runs.path())
        .run(Evaluation::default())
        .await
        .unwrap();
    let store = Store::view(runs.path().join("latest/run.sqlite")).unwrap();
    let records = store.rollouts().unwrap().into_iter().map(|(_, record)| record).collect();
    (outcome, records)
}

fn four() -> Scripted {
    Scripted::new("four", |_| ChatResponse::text("4").with_usage(3, 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_reaches_its_limit_is_judged_as_it_stands() {
    let allowance = Allowance { calls: Some(3), ..Allowance::default() };
    let limits = RolloutLimits { allowance, ..Options::default().limits };
    let (_, records) = evaluate(four(), Options { limits, ..Options::default() }).await;
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record.limit, Some(agentscope_tuner::error::Limit::Calls));
        assert_eq!((record.status, record.spent.calls), (Status::Scored, 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_ends_the_run() {
    let budget = Allowance { calls: Some(7), ..Allowance::default() };
    let (outcome, records) = evaluate(four(), Options { budget, concurrency: 1, ..Options::default() }).await;
    assert_eq!(records.len(), 1);
    assert!(outcome.stopped.is_some_and(|why| why.contains("budget")));
}

/// An endpoint that is down.
struct Down(ModelId);

impl ChatModel for Down {
    fn id(&self) -> &ModelId {
        &self.0
    }

    fn chat<'a>(&'a self, _: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async { Err(Error::new(ErrorKind::Model(ModelFailure::Server), "down")) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_is_not_the_agents_fault() {
    let id = ModelId { provider: "test".into(), endpoint: String::new(), name: "down".into(), key: 0 };
    let (_, records) = evaluate(Down(id), Options::default()).await;
    assert!(records.iter().all(|record| record.status == Status::InfrastructureFailed), "{records:?}");
}
