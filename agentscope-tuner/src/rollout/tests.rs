//! The engine over scripted models: what it promises when things go wrong.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate as agentscope_tuner;
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Limit, ModelFailure, Result},
    judge::Judge,
    message::Msg,
    model::{ChatModel, ChatRequest, ChatResponse, Model, ModelId, Price, Usd, scripted::Scripted},
    workflow::{Context, Prompt, Workflow},
};

mod compared;
mod paid;
mod world;

use world::*;

/// What may not depend on chance: all but the time.
fn timeless(run: &Run) -> Vec<Record> {
    run.records.iter().map(|record| Record { seconds: 0.0, ..Record::clone(record) }).collect()
}

#[tokio::test]
async fn results_come_in_the_order_of_the_jobs_and_do_not_depend_on_concurrency() {
    let mut one = World::echo();
    one.options.concurrency = 1;
    let many = World::echo();
    let (one_run, many_run) = (one.run(rows(60)).await, many.run(rows(60)).await);
    assert_eq!(timeless(&one_run), timeless(&many_run));
    assert_eq!(one.calls(), many.calls());
    let ids: Vec<_> = one_run.records.iter().map(|record| record.task_id.clone()).collect();
    assert_eq!(ids, (0..60).map(|row| format!("train/{row}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn equal_requests_of_one_attempt_are_paid_once_and_repeats_within_a_rollout_are_not_merged() {
    let world = World::echo();
    let run = world.run([json!({"q": "a"}), json!({"q": "a", "row": 2})]).await;
    assert_eq!((world.calls(), run.records.len()), (1, 2));
    assert_eq!(run.records[0].spent, run.records[1].spent);

    let scope = |nth| json!({"q": "b", "turns": nth});
    assert_eq!(world.run([scope(3)]).await.records[0].spent.calls, 3);
}

#[tokio::test]
async fn a_second_engine_over_the_store_pays_nothing_again() {
    let world = World::echo();
    let first = world.run(rows(20)).await;
    let (paid, spent) = (world.calls(), world.engine().spent());
    let second = world.run(rows(20)).await;
    assert_eq!(world.calls(), paid);
    assert_eq!(timeless(&first), timeless(&second));
    // 10 tokens in at 1 and 5 out at 2 dollars a million.
    assert_eq!(spent.usd, Usd::new(20e-6 * paid as f64));
    assert_eq!(spent.calls as usize, paid);
}

#[tokio::test]
async fn what_nobody_asks_for_again_is_kept_in_the_store_alone() {
    let world = World::echo();
    let jobs = || jobs(rows(20));
    let keys: Vec<_> = jobs()
        .iter()
        .map(|job| job.key(&job.candidate.hash(), ask::ENTRY.meta.name, Some(grade::ENTRY.meta.name)))
        .collect();
    let remembered = |engine: &Engine| keys.iter().filter(|key| engine.remembered(key).is_some()).count();
    let engine = world.engine();
    let first = engine.run_once(jobs()).await.unwrap();
    assert_eq!((first.records.len(), remembered(&engine)), (20, 0));
    let (resumed, paid) = (world.engine(), world.calls());
    assert_eq!(remembered(&resumed), 20);
    let second = resumed.run_once(jobs()).await.unwrap();
    assert_eq!((second.records, remembered(&resumed), world.calls()), (first.records, 0, paid));
}

#[tokio::test]
async fn a_stopped_run_keeps_what_is_finished_and_goes_on_from_there() {
    let world = World { options: Options { concurrency: 2, ..Options::default() }, ..World::echo() };
    let whole = World::echo().run(rows(30)).await;
    let stop = world.stop.clone();
    let mut seen = 0;
    let cut = world
        .engine()
        .run(jobs(rows(30)), |_| {
            seen += 1;
            if seen == 10 {
                stop.cancel();
            }
        })
        .await
        .unwrap();
    assert_eq!(cut.stopped.map(|error| error.kind()), Some(ErrorKind::Cancelled));
    assert!((10..=12).contains(&cut.records.len()), "{}", cut.records.len());

    let world = World { stop: CancellationToken::new(), ..world };
    let resumed = world.run(rows(30)).await;
    assert_eq!(timeless(&resumed), timeless(&whole));
    assert_eq!(world.calls(), world.engine().spent().calls as usize);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let world = World::echo();
    let rows =
        [json!({"do": "fail"}), json!({"do": "panic"}), json!({"judge": "fail"}), json!({"judge": "nan"})];
    let run = world.run(rows).await;
    let statuses: Vec<_> = run.records.iter().map(|record| record.status).collect();
    use Status::{JudgeFailed, TaskFailed};
    assert_eq!(statuses, [TaskFailed, TaskFailed, JudgeFailed, JudgeFailed]);
    let errors: Vec<_> = run.records.iter().map(|record| record.error.clone().unwrap()).collect();
    assert!(errors[1].contains("panicked: as the row says"), "{errors:?}");
    assert!(errors[3].contains("`reward` is NaN"), "{errors:?}");
    assert_eq!(
        run.records[2].metrics["length"],
        run.records[2].response["content"].as_str().unwrap().len() as f64
    );
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_not_the_candidates_fault_and_ends_the_run() {
    let world = World {
        options: Options { concurrency: 1, ..Options::default() },
        ..World::failing(ModelFailure::Server)
    };
    let run = world.run(rows(50)).await;
    assert_eq!(run.records.len(), 20);
    assert!(run.records.iter().all(|record| record.status == Status::InfrastructureFailed));
    assert!(run.stopped.unwrap().to_string().contains("20 rollouts"));
    // Nothing of it counts, so all of it is run again.
    world.run(rows(3)).await;
    assert_eq!(world.calls(), 23);
}

#[tokio::test]
async fn a_wrong_key_ends_the_run_at_once() {
    let world = World {
        options: Options { concurrency: 1, ..Options::default() },
        ..World::failing(ModelFailure::Auth)
    };
    let run = world.run(rows(50)).await;
    assert_eq!(run.stopped.map(|error| error.kind()), Some(ErrorKind::Model(ModelFailure::Auth)));
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn a_budget_is_never_exceeded_over_all_sessions() {
    let mut world = World::echo();
    world.options.budget.calls = Some(7);
    let run = world.run(rows(50)).await;
    assert_eq!(run.stopped.map(|error| error.kind()), Some(ErrorKind::Budget(Limit::Calls)));
    assert_eq!(world.calls(), 7);
    world.run(rows(50)).await;
    assert_eq!(world.calls(), 7);

    world.options.budget.calls = Some(1000);
    let whole = World::echo();
    assert_eq!(timeless(&world.run(rows(50)).await), timeless(&whole.run(rows(50)).await));
    assert_eq!(world.calls(), whole.calls());
}

#[tokio::test]
async fn money_is_reserved_by_the_most_that_a_call_can_cost() {
    let mut world = World::echo();
    // A call pays 20 microdollars, but sets aside its bytes and 8 tokens out: more than 60.
    world.options.budget.usd = Some(Usd::new(200e-6));
    world.run(rows(50)).await;
    let spent = world.engine().spent().usd;
    assert!(spent <= Usd::new(200e-6) && spent >= Usd::new(60e-6), "{spent}");
}

#[tokio::test]
async fn a_rollout_that_meets_its_limit_is_judged_as_it_stands() {
    let mut world = World::echo();
    world.options.limits.allowance.calls = Some(2);
    let run = world.run([json!({"q": "a", "turns": 5})]).await;
    let record = &run.records[0];
    assert_eq!((record.status, record.limit), (Status::Scored, Some(Limit::Calls)));
    assert_eq!(record.response["content"], "Go. \"a\" 1");
    assert_eq!(record.spent.calls, 2);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_takes_too_long_is_cut() {
    let mut world = World::echo();
    world.options.limits.time = Some(Duration::from_secs(5));
    // Different questions: the second must not wait for the store, whose thread knows no paused clock.
    let run = world.run([json!({"do": "sleep"}), json!({"q": "other"})]).await;
    assert_eq!(run.records[0].limit, Some(Limit::Time));
    assert_eq!(run.records[0].status, Status::Scored);
    assert_eq!(run.records[1].limit, None);
}

#[tokio::test]
async fn an_unfilled_slot_is_an_error_before_anything_is_paid() {
    let world = World::echo();
    let candidate =
        Candidate::new("x").with(SlotPath::new("ask", "model"), SlotValue::Prompt("no model".into()));
    let task = Arc::new(Task { id: "train/0".into(), value: json!({}) });
    let job = Job { candidate: Arc::new(candidate), task, attempt: 0 };
    let error = world.engine().run([job], |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(world.calls(), 0);
}
