use std::time::Duration;

use futures_util::StreamExt as _;

use super::*;
use crate::{
    error::ModelFailure,
    message::Msg,
    model::{ChatEvent, scripted::Scripted},
};

fn failure(failure: ModelFailure) -> Error {
    Error::new(ErrorKind::Model(failure), "as told")
}

/// A client that fails as told and then answers.
fn flaky(failures: &[ModelFailure]) -> Scripted {
    let failures = failures.to_vec();
    let turn = AtomicU64::new(0);
    Scripted::new("flaky", move |_: &ChatRequest| {
        let turn = usize::try_from(turn.fetch_add(1, Relaxed)).unwrap_or(usize::MAX);
        failures.get(turn).map_or(Ok("at last"), |kind| Err(failure(*kind)))
    })
}

fn endpoint(client: Scripted) -> Endpoint {
    Endpoint::new(client, Concurrency::Fixed(2), Retry::default())
}

fn hello() -> ChatRequest {
    ChatRequest::new([Msg::user("hello")])
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_tried_again() {
    use ModelFailure::{Connect, Protocol, RateLimited, Server, Timeout};
    let endpoint = endpoint(flaky(&[Connect, Timeout, RateLimited, Server, Protocol]));
    let log = AttemptLog::default();
    let response = log.watch(endpoint.chat(&hello())).await.unwrap();
    assert_eq!(response.message.text(), "at last");
    let status = endpoint.status();
    assert_eq!((status.retries, status.rate_limited, status.in_flight), (5, 1, 0));
    assert_eq!((log.started(), log.maybe_billed()), (6, 2), "the time-out and the broken answer");
}

#[tokio::test(start_paused = true)]
async fn a_lasting_failure_ends_with_how_often_it_was_tried() {
    let endpoint = endpoint(flaky(&[ModelFailure::Server; 50]));
    let error = endpoint.chat(&hello()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Server));
    assert!(error.to_string().contains("7 attempts") && error.chain().contains("as told"), "{error:?}");
}

#[tokio::test]
async fn a_final_failure_is_returned_as_it_is() {
    let endpoint = endpoint(flaky(&[ModelFailure::Auth]));
    assert_eq!(endpoint.chat(&hello()).await.unwrap_err().to_string(), "as told");
}

#[tokio::test(start_paused = true)]
async fn the_endpoints_wait_is_kept() {
    let first = AtomicU64::new(0);
    let client = Scripted::new("waits", move |_: &ChatRequest| match first.fetch_add(1, Relaxed) {
        0 => Err(failure(ModelFailure::RateLimited).with_retry_after(Some(Duration::from_secs(40)))),
        _ => Ok("now"),
    });
    let began = Instant::now();
    endpoint(client).chat(&hello()).await.unwrap();
    assert!((40.0..44.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_frees_its_place_and_may_be_billed() {
    let client = Scripted::rules(
        "slow",
        [crate::model::scripted::Rule {
            latency_ms: 10_000,
            ..crate::model::scripted::Rule::otherwise("late")
        }],
    );
    let endpoint = endpoint(client.unwrap());
    let log = AttemptLog::default();
    let request = hello();
    let call = tokio::time::timeout(Duration::from_secs(1), log.watch(endpoint.chat(&request)));
    assert!(call.await.is_err());
    assert_eq!((endpoint.status().in_flight, log.maybe_billed()), (0, 1));
}

#[tokio::test]
async fn a_stream_holds_its_place_until_it_ends() {
    let endpoint = endpoint(flaky(&[]));
    let log = AttemptLog::default();
    let mut events = log.watch(endpoint.stream(&hello())).await.unwrap();
    assert_eq!((endpoint.status().in_flight, log.maybe_billed()), (1, 1));
    while let Some(event) = events.next().await {
        assert!(matches!(event.unwrap(), ChatEvent::Text(_) | ChatEvent::Done(_)));
    }
    assert_eq!((endpoint.status().in_flight, log.maybe_billed()), (0, 0));
}
