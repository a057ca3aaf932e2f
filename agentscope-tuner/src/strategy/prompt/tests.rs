//! Whole tunings over scripted models: a world of hidden rules that only feedback reveals.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use serde_json::Value;

use super::*;
use crate::{
    model::{ChatRequest, Model, scripted::Scripted},
    rollout::Allowance,
    strategy::{Silent, Verdict},
    workflow::Workflow,
};

mod objectives;
mod world;

use world::*;

fn settings() -> PromptTuning {
    PromptTuning { proposer: Some("proposer".into()), effort: Effort::Light, ..PromptTuning::default() }
}

fn timeless(mut outcome: Outcome) -> Outcome {
    outcome.candidates.iter_mut().for_each(|summary| summary.latency = None);
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_feedback_says_is_learnt_and_shown_on_rows_that_chose_nobody() {
    let world = World::new(0.1, proposer());
    let outcome = world.tune(&settings()).await.unwrap();
    let winner = &outcome.candidates[0];
    assert_eq!(outcome.winner.as_deref(), Some(winner.candidate.name.as_str()), "{outcome:#?}");
    assert!(winner.reward.unwrap().mean > 0.95, "{outcome:#?}");
    assert_eq!(outcome.comparisons[0].verdict, Verdict::Worse);
    assert!(outcome.headline.contains("better than the seed"), "{}", outcome.headline);
    // What is to be used lies in a file of its own, and every proposal is noted.
    let best = std::fs::read_to_string(world.directory.path().join("best/code.system.txt")).unwrap();
    assert!(best.contains("Orders of kind3 have the code C3."), "{best}");
    let trials = std::fs::read_to_string(world.directory.path().join("candidates.jsonl")).unwrap();
    let trials: Vec<Value> = trials.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(trials.iter().any(|trial| trial["taken"] == true && trial["parents"][0] == "seed"));
    assert!(trials.iter().all(|trial| trial["reason"].as_str().is_some_and(|reason| !reason.is_empty())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_made_beyond_the_budget_whatever_it_is() {
    for budget in [20, 47, 100, 250] {
        let mut world = World::new(0.3, proposer());
        world.options.budget = Allowance { calls: Some(budget), ..Allowance::default() };
        let engine = world.engine();
        let outcome = world.tune_with(&engine, &settings()).await.unwrap();
        assert!(outcome.stopped.is_none(), "{outcome:?}");
        assert!(engine.spent().calls <= budget, "{} of {budget}", engine.spent().calls);
        assert!(outcome.winner.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_dollars_are_kept_to_as_well() {
    let budgets = [
        Allowance { tokens: Some(60_000), ..Allowance::default() },
        Allowance { usd: Some(crate::model::Usd::new(0.02)), ..Allowance::default() },
    ];
    for budget in budgets {
        let mut world = World::new(0.3, proposer());
        world.options.budget = budget;
        let engine = world.engine();
        let outcome = world.tune_with(&engine, &settings()).await.unwrap();
        let spent = engine.spent();
        assert!(outcome.stopped.is_none() && outcome.winner.is_some(), "{outcome:?}");
        assert!(budget.tokens.is_none_or(|most| spent.usage.total() <= most), "{spent:?}");
        assert!(budget.usd.is_none_or(|most| spent.usd <= most), "{spent:?}");
        assert!(spent.calls > 20, "{spent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_run_asked_again_gives_the_same_and_pays_nothing() {
    let mut world = World::new(0.2, proposer());
    let calls = Arc::new(AtomicUsize::new(0));
    let first = world.tune(&settings()).await.unwrap();
    let counted = Arc::clone(&calls);
    world.models = vec![
        (
            "coder",
            Model::new(Scripted::new("coder", move |_: &ChatRequest| {
                counted.fetch_add(1, SeqCst);
                "?".to_owned()
            })),
        ),
        ("proposer", Model::new(Scripted::new("proposer", |_: &ChatRequest| "nonsense".to_owned()))),
    ];
    let again = world.tune(&settings()).await.unwrap();
    assert_eq!(timeless(first), timeless(again));
    assert_eq!(calls.load(SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrency_changes_nothing() {
    let mut outcomes = Vec::new();
    for concurrency in [1, 64] {
        let mut world = World::new(0.3, proposer());
        world.options.concurrency = concurrency;
        outcomes.push(timeless(world.tune(&settings()).await.unwrap()));
    }
    assert_eq!(outcomes[0], outcomes[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposer_that_answers_nonsense_costs_its_proposals_alone() {
    for answer in ["I can't.", "```\n\n```", "```\nhalf an ans"] {
        let nonsense = Model::new(Scripted::new("proposer", move |_: &ChatRequest| answer.to_owned()));
        let world = World::new(0.4, nonsense);
        let outcome = world.tune(&PromptTuning { rounds: Some(6), ..settings() }).await.unwrap();
        assert_eq!(outcome.stopped, None);
        assert!(outcome.winner.is_some());
    }
    let down = Model::new(Scripted::new("proposer", |_: &ChatRequest| {
        Err::<String, _>(Error::new(ErrorKind::Model(crate::error::ModelFailure::Timeout), "too late"))
    }));
    let outcome = World::new(0.4, down).tune(&PromptTuning { rounds: Some(4), ..settings() }).await.unwrap();
    assert_eq!(outcome.stopped, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_proposer_phrases_and_examples_are_tried() {
    let phrases = (0..KINDS).map(|kind| format!("Orders of kind{kind} have the code C{kind}.")).collect();
    let settings = PromptTuning { proposer: None, phrases, effort: Effort::Medium, ..settings() };
    let outcome = World::new(0.1, proposer()).tune(&settings).await.unwrap();
    assert!(outcome.headline.contains("better than the seed"), "{}", outcome.headline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_headroom_the_seed_is_returned() {
    // Luck alone decides, and the proposer has nothing to say that the model would heed.
    let babble = Model::new(Scripted::new("proposer", |request: &ChatRequest| {
        format!("```\nTry harder, {}.\n```", request.messages[0].text().len())
    }));
    let outcome = World::new(0.5, babble).tune(&settings()).await.unwrap();
    assert_eq!(outcome.winner.as_deref(), Some("seed"));
    assert!(outcome.headline.contains("the seed is kept"), "{}", outcome.headline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn constant_rewards_are_named() {
    let world = World::new(
        0.0,
        Model::new(Scripted::new("proposer", |_: &ChatRequest| "```\nGo on.\n```".to_owned())),
    );
    let outcome =
        world.tune(&PromptTuning { phrases: vec!["Be brief.".into()], ..settings() }).await.unwrap();
    assert!(outcome.headline.contains("every reward is 0"), "{}", outcome.headline);
    assert_eq!(outcome.winner.as_deref(), Some("seed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_runs_are_evidence_that_costs_nothing() {
    let (before, world) = (World::new(0.2, proposer()), World::new(0.2, proposer()));
    let train = rows("train", before.rows.0);
    crate::strategy::Evaluation::default().run(Inputs::measuring(&before.engine(), &train)).await.unwrap();
    let traces = Some(before.directory.path().to_owned());
    let engine = world.engine();
    let settings = PromptTuning { traces, rounds: Some(1), parallel: Some(1), ..settings() };
    world.tune_with(&engine, &settings).await.unwrap();
    let trials = std::fs::read_to_string(world.directory.path().join("candidates.jsonl")).unwrap();
    assert!(trials.contains("Input: train order"), "{trials}");
    let rollouts = engine.store().rollouts().unwrap();
    assert!(!rollouts.is_empty() && rollouts.iter().all(|(_, record)| record.task_id.starts_with("test/")));
    let nowhere = PromptTuning { traces: Some("nowhere".into()), ..settings };
    let error = World::new(0.2, proposer()).tune(&nowhere).await.unwrap_err().to_string();
    assert!(error.contains("no run in nowhere"), "{error}");
}

async fn refused<W: Workflow>(settings: PromptTuning) -> String {
    let world = World::new(0.5, proposer());
    world.tune_with(&world.engine_of::<W>(), &settings).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_the_remedy() {
    let error = refused::<bare>(settings()).await;
    assert!(error.contains("no prompt to tune") && error.contains("#[prompt"), "{error}");
    let error = refused::<shown>(settings()).await;
    assert!(error.contains("`shown.system` holds no text"), "{error}");
    let error = refused::<code>(PromptTuning { slots: vec!["sytem".into()], ..settings() }).await;
    assert!(error.contains("did you mean `system`"), "{error}");
    let error = refused::<code>(PromptTuning { holdout: 0.9, minibatch: 0, ..settings() }).await;
    assert!(error.contains("minibatch is 0") && error.contains("holdout is 0.9"), "{error}");

    let world = World::new(0.5, proposer());
    let (engine, all) = (world.engine(), rows("test", 20));
    let inputs =
        |train, eval| Inputs { engine: &engine, train, eval, directory: Path::new(""), monitor: &Silent };
    let same = settings().run(inputs(&all[..12], &all[10..])).await.unwrap_err().to_string();
    assert!(same.contains("learnt by heart"), "{same}");
    let few = settings().run(inputs(&all[..12], &all[12..14])).await.unwrap_err().to_string();
    assert!(few.contains("at least 4 validation rows"), "{few}");
    let none = settings().run(inputs(&[], &all)).await.unwrap_err().to_string();
    assert!(none.contains("no rows to learn from"), "{none}");
}
