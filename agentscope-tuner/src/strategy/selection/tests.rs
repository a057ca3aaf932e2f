//! Whole selections over scripted models.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate as agentscope_tuner;
use crate::{
    error::ModelFailure,
    judge::Judge,
    model::{ChatResponse, Model, Price, scripted::Scripted},
    rollout::{Engine, ModelTable, Options, PricedModel, Setup, Store},
    seed,
    strategy::{Reason, Verdict},
    workflow::Workflow,
};

/// Asks the row's question.
#[agentscope_tuner::workflow]
async fn quiz(task: Value, model: Model) -> Result<String> {
    model.ask(task["q"].to_string()).await
}

/// The number that was answered.
#[agentscope_tuner::judge]
async fn worth(task: &Value, response: &str) -> Result<f64> {
    if task["judge"] == "fails" { Err("no reference".into()) } else { Ok(response.parse::<f64>()?) }
}

/// A model that is right with probability `skill`, always the same on the same question.
fn model(name: &'static str, skill: f64) -> Model {
    Model::new(Scripted::new(name, move |request| {
        let question = request.messages.last().map(crate::message::Msg::text).unwrap_or_default();
        let right = seed::unit(3, name, [question.as_bytes()]) < skill;
        ChatResponse::text(if right { "1" } else { "0" }).with_usage(10, 1)
    }))
}

fn down() -> Model {
    Model::new(Scripted::new("down", |_| {
        Err::<ChatResponse, _>(Error::new(ErrorKind::Model(ModelFailure::Request), "down"))
    }))
}

fn engine(models: &[(&str, Model, f64)], concurrency: usize, directory: &tempfile::TempDir) -> Engine {
    let table = models.iter().fold(ModelTable::default(), |table, (name, model, price)| {
        let price = Some(Price { input: *price, output: *price, cached_input: None });
        table.with(*name, PricedModel { model: model.clone(), price, max_output_tokens: Some(8) })
    });
    Engine::new(Setup {
        workflow: quiz::ENTRY,
        judge: Some(worth::ENTRY.into()),
        models: table,
        slots: BTreeMap::new(),
        options: Options { concurrency, seed: 5, ..Options::default() },
        store: Store::open(directory.path().join("run.sqlite")).unwrap(),
        stop: CancellationToken::new(),
    })
    .unwrap()
}

fn rows(count: usize) -> Vec<Arc<Task>> {
    (0..count).map(|row| Arc::new(Task { id: format!("test/{row}"), value: json!({"q": row}) })).collect()
}

fn of(models: &[(&str, Model, f64)]) -> ModelSelection {
    ModelSelection::of_models(&SlotPath::new("quiz", "model"), models.iter().map(|(name, ..)| *name))
}

async fn select(selection: &ModelSelection, models: &[(&str, Model, f64)], tasks: &[Arc<Task>]) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    selection.run(Inputs::measuring(&engine(models, 8, &directory), tasks)).await.unwrap()
}

/// Without what the clock decides.
fn timeless(mut outcome: Outcome) -> Outcome {
    outcome.candidates.iter_mut().for_each(|summary| summary.latency = None);
    outcome.front.clear();
    outcome
}

#[tokio::test]
async fn the_worse_leave_and_concurrency_changes_nothing() {
    let models = [
        ("weak", model("weak", 0.2), 1.0),
        ("good", model("good", 0.85), 1.0),
        ("fair", model("fair", 0.8), 1.0),
    ];
    let mut found = Vec::new();
    for concurrency in [1, 7, 200] {
        let directory = tempfile::tempdir().unwrap();
        let engine = engine(&models, concurrency, &directory);
        let outcome = timeless(of(&models).run(Inputs::measuring(&engine, &rows(200))).await.unwrap());
        found.push((outcome, engine.spent().calls));
    }
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    let (outcome, calls) = &found[0];
    assert!(*calls < 500, "{calls}");
    let weak = outcome.candidates.last().unwrap();
    assert_eq!(weak.candidate.name, "weak");
    assert!(matches!(&weak.left.as_ref().unwrap().reason, Reason::WorseThan(_)));
    assert_eq!(outcome.comparisons.last().unwrap().verdict, Verdict::Worse);
    // The race of good and fair took all rows.
    assert_eq!(outcome.confirmed.unwrap().n, 200);
    assert!(outcome.headline.contains("cross-fitted on 200 rows"), "{}", outcome.headline);
}

#[tokio::test]
async fn the_cheapest_within_epsilon_is_chosen() {
    let models = [("dear", model("dear", 0.95), 9.0), ("cheap", model("cheap", 0.94), 1.0)];
    let mut selection = of(&models);
    selection.rules.epsilon = 0.15;
    let outcome = select(&selection, &models, &rows(300)).await;
    assert_eq!(outcome.winner.as_deref(), Some("cheap"), "{}", outcome.headline);
    selection.rules.epsilon = 0.0;
    let outcome = select(&selection, &models, &rows(300)).await;
    let best = outcome.candidates[0].candidate.name.clone();
    assert_eq!(outcome.winner, Some(best), "{}", outcome.headline);
}

#[tokio::test]
async fn where_all_is_run_for_all_the_choice_is_cross_fitted() {
    let models = [("weak", model("weak", 0.2), 1.0), ("good", model("good", 0.85), 1.0)];
    let mut selection = of(&models);
    selection.rules.full = true;
    let outcome = select(&selection, &models, &rows(100)).await;
    assert_eq!(outcome.winner.as_deref(), Some("good"), "{}", outcome.headline);
    assert!(outcome.candidates.iter().all(|one| one.counts.scored == 100 && one.left.is_none()));
    assert_eq!(outcome.comparisons[0].difference.unwrap().n, 100);
    // No tenth of the rows changes this choice, so it is the mean of all.
    assert_eq!(outcome.confirmed.unwrap().mean, outcome.candidates[0].reward.unwrap().mean);
}

#[tokio::test]
async fn a_race_leaves_its_course_in_the_store() {
    let models = [("weak", model("weak", 0.2), 1.0), ("good", model("good", 0.85), 1.0)];
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(&models, 8, &directory);
    let outcome = of(&models).run(Inputs::measuring(&engine, &rows(200))).await.unwrap();
    let course = ModelSelection::course(engine.store()).unwrap().unwrap();
    let weak = course.lanes.iter().find(|lane| lane.candidate == "weak").unwrap();
    let left = outcome.candidates.last().unwrap().left.as_ref().unwrap();
    assert_eq!(weak.left, Some(left.rows));
    let last = weak.points.last().unwrap();
    assert_eq!((last.rows, last.value.mean), (left.rows, outcome.candidates[1].reward.unwrap().mean));
    // Of the rows that were left over, the winner was run on a tenth of all.
    assert_eq!(outcome.confirmed.unwrap().n, 20);
    assert!(outcome.headline.contains("on 20 rows that did not choose it"), "{}", outcome.headline);
    assert!(outcome.candidates[0].counts.scored <= left.rows + 20 + 10);
}

#[tokio::test]
async fn constant_rewards_are_no_verdict() {
    let models = [("a", model("a", 1.0), 1.0), ("b", model("b", 1.0), 1.0)];
    let outcome = select(&of(&models), &models, &rows(30)).await;
    assert_eq!(outcome.winner, None);
    assert!(outcome.headline.contains("every reward is 1"), "{}", outcome.headline);
}

#[tokio::test]
async fn a_judge_that_always_fails_is_said_and_stops_the_spending() {
    let models = [("a", model("a", 1.0), 1.0), ("b", model("b", 0.5), 1.0)];
    let task = |row| Arc::new(Task { id: format!("test/{row}"), value: json!({"q": row, "judge": "fails"}) });
    let tasks: Vec<_> = (0..100).map(task).collect();
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(&models, 8, &directory);
    let outcome = of(&models).run(Inputs::measuring(&engine, &tasks)).await.unwrap();
    assert_eq!(outcome.winner, None);
    assert!(outcome.headline.contains("judge failed on every row"), "{}", outcome.headline);
    assert_eq!(engine.spent().calls, 20);
}

#[tokio::test]
async fn a_candidate_that_always_fails_never_wins() {
    let models =
        [("down", down(), 1.0), ("weak", model("weak", 0.1), 9.0), ("poor", model("poor", 0.15), 9.0)];
    for objective in ["quality", "cost", "tokens"] {
        let mut selection = of(&models);
        selection.objective = Objective::named(objective);
        let outcome = select(&selection, &models, &rows(60)).await;
        assert_ne!(outcome.winner.as_deref(), Some("down"), "{objective}: {}", outcome.headline);
    }
}

#[tokio::test]
async fn the_objective_may_be_cost() {
    let models = [("dear", model("dear", 0.9), 9.0), ("cheap", model("cheap", 0.2), 1.0)];
    let mut selection = of(&models);
    selection.objective = Objective::named("cost");
    selection.rules.epsilon = 0.0;
    let outcome = select(&selection, &models, &rows(60)).await;
    assert_eq!(outcome.winner.as_deref(), Some("cheap"), "{}", outcome.headline);
}

#[tokio::test]
async fn a_hard_budget_is_kept_and_still_chooses() {
    let models: Vec<_> = [("a", 0.5), ("b", 0.6), ("c", 0.55), ("d", 0.65)]
        .map(|(name, skill)| (name, model(name, skill), 1.0))
        .into();
    let mut selection = of(&models);
    selection.allowance.calls = Some(300);
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(&models, 8, &directory);
    let outcome = selection.run(Inputs::measuring(&engine, &rows(200))).await.unwrap();
    assert!(engine.spent().calls <= 300, "{}", engine.spent().calls);
    assert!(outcome.winner.is_some(), "{}", outcome.headline);
    let budget = |summary: &&crate::strategy::Summary| {
        summary.left.as_ref().is_some_and(|left| left.reason == Reason::Budget)
    };
    assert!(outcome.candidates.iter().filter(budget).count() >= 2);
}

#[tokio::test]
async fn one_candidate_or_two_of_one_name_are_refused() {
    let models = [("a", model("a", 1.0), 1.0)];
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(&models, 1, &directory);
    let error = of(&models).run(Inputs::measuring(&engine, &rows(3))).await.unwrap_err();
    assert!(error.to_string().contains("at least two"), "{error}");
    let twice = ModelSelection::of_models(&SlotPath::new("quiz", "model"), ["a", "a"]);
    assert!(
        twice.run(Inputs::measuring(&engine, &rows(3))).await.unwrap_err().to_string().contains("named `a`")
    );
}
