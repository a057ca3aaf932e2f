//! Every way in which an endpoint fails, on this machine, with what the user is told.
#![allow(clippy::unwrap_used, reason = "a failed test")]

mod model_support;

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use agentscope_tuner::{
    Error, ErrorKind,
    error::ModelFailure,
    message::Msg,
    model::{ChatRequest, Model, endpoint::AttemptLog, openai},
};
use futures_util::{StreamExt as _, future::join_all};
use model_support::{End, Fake, KEY, Reply};
use serde_json::json;

fn hello() -> ChatRequest {
    ChatRequest::new([Msg::user("hello")])
}

fn answer() -> Reply {
    Reply::json(json!({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}))
}

fn error(status: u16, message: &str) -> Reply {
    Reply::new(status, "application/json", json!({"error": {"message": message}}).to_string())
}

/// The error of a call that gets `reply`; it never shows the key and always names the model.
async fn fails(reply: Reply) -> Error {
    let fake = Fake::start(move |_| reply.clone()).await;
    let model = fake.builder().timeout(Duration::from_millis(300)).build().unwrap();
    let error = model.chat(&hello()).await.unwrap_err();
    let shown = format!("{error:?} {error}");
    assert!(shown.contains("openai:tiny") && !shown.contains(KEY), "{shown}");
    error
}

#[track_caller]
fn expect(error: &Error, failure: ModelFailure, words: &[&str]) {
    assert_eq!(error.kind(), ErrorKind::Model(failure), "{error:?}");
    for word in words {
        assert!(error.chain().contains(word), "{word:?} is not in {}", error.chain());
    }
}

#[tokio::test]
async fn a_web_page_says_that_the_base_url_is_wrong() {
    let page = "<!doctype html><title>Welcome</title>";
    expect(&fails(Reply::new(200, "text/html", page)).await, ModelFailure::Request, &["web page", "/v1"]);
    expect(
        &fails(Reply::new(404, "text/html", page)).await,
        ModelFailure::Request,
        &["404", "web page", "/v1"],
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_empty_or_no_json_is_a_protocol_failure() {
    let json = |body: &str| Reply::new(200, "application/json", body);
    expect(&fails(json("{\"choices\": [{\"mess")).await, ModelFailure::Protocol, &["breaks off"]);
    expect(&fails(json("")).await, ModelFailure::Protocol, &["empty"]);
    expect(&fails(json("{\"choices\": []}")).await, ModelFailure::Protocol, &["no choice"]);
    expect(&fails(json("[1]")).await, ModelFailure::Protocol, &["no chat completion", "[1]"]);
    let half = json("{\"choices\": [").end(End::Cut);
    expect(&fails(half).await, ModelFailure::Protocol, &["broke off"]);
}

#[tokio::test]
async fn a_refused_key_is_not_shown() {
    let echo = format!("Incorrect API key provided: {KEY}. Find yours at the dashboard.");
    let error = fails(error(401, &echo)).await;
    expect(&error, ModelFailure::Auth, &["api_key", "[key]", "dashboard"]);
    let fake = Fake::start(|_| answer()).await;
    fake.model().chat(&hello()).await.unwrap();
    assert_eq!(fake.last_header("authorization"), Some(format!("Bearer {KEY}")));
}

#[tokio::test]
async fn nobody_listening_is_a_failure_to_connect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let model = openai("tiny").base_url(url).max_retries(0).build().unwrap();
    let error = model.chat(&hello()).await.unwrap_err();
    expect(&error, ModelFailure::Connect, &["is the server running"]);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let began = Instant::now();
    let hang = Reply::new(200, "application/json", "{").end(End::Hang);
    expect(&fails(hang).await, ModelFailure::Timeout, &["timeout"]);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn redirects_are_named_and_not_followed() {
    let moved =
        Reply::new(308, "text/plain", "").header("location", "https://example.org/v1/chat/completions");
    expect(&fails(moved).await, ModelFailure::Request, &["https://example.org/v1"]);
}

/// A model that is tried again, quickly.
fn patient(fake: &Fake) -> Model {
    fake.builder().max_retries(3).build().unwrap()
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_long_as_the_server_asks() {
    let turn = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match turn.fetch_add(1, Relaxed) {
        0 => error(429, "Rate limit reached").header("retry-after-ms", "700").header("retry-after", "1"),
        _ => answer(),
    })
    .await;
    let began = Instant::now();
    assert_eq!(patient(&fake).ask("hello").await.unwrap(), "hi");
    assert!((0.7..5.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    assert_eq!(fake.calls(), 2);
}

#[tokio::test]
async fn a_rate_limit_for_ever_is_given_up() {
    let fake = Fake::start(|_| error(429, "Rate limit reached").header("retry-after-ms", "5")).await;
    let log = AttemptLog::default();
    let error = log.watch(patient(&fake).chat(&hello())).await.unwrap_err();
    expect(
        &error,
        ModelFailure::RateLimited,
        &["gave up after 4 attempts", "Rate limit reached", "concurrency"],
    );
    assert_eq!((fake.calls(), log.started(), log.maybe_billed()), (4, 4, 0));
}

#[tokio::test]
async fn a_long_wait_is_left_to_the_caller() {
    let fake = Fake::start(|_| error(429, "Come back tomorrow").header("retry-after", "7200")).await;
    let error = patient(&fake).chat(&hello()).await.unwrap_err();
    assert_eq!((error.retry_after(), fake.calls()), (Some(Duration::from_secs(7200)), 1));
}

#[tokio::test]
async fn an_empty_account_is_not_tried_again() {
    let body = json!({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}});
    let fake = Fake::start(move |_| Reply::new(429, "application/json", body.to_string())).await;
    let error = patient(&fake).chat(&hello()).await.unwrap_err();
    expect(&error, ModelFailure::Request, &["top it up"]);
    assert_eq!(fake.calls(), 1);
}

#[tokio::test]
async fn a_server_in_trouble_is_tried_again() {
    let turn = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match turn.fetch_add(1, Relaxed) {
        0 => error(503, "starting").header("retry-after-ms", "5"),
        1 => {
            Reply::new(200, "application/json", json!({"error": {"code": 502, "message": "up"}}).to_string())
        }
        _ => answer(),
    })
    .await;
    assert_eq!(patient(&fake).ask("hello").await.unwrap(), "hi");
    assert_eq!(fake.calls(), 3);
}

/// The end of a stream that gets `reply`.
async fn stream_fails(reply: Reply) -> Error {
    let fake = Fake::start(move |_| reply.clone()).await;
    let model = fake.builder().timeout(Duration::from_millis(300)).build().unwrap();
    match model.stream(&hello()).await {
        Err(error) => error,
        Ok(stream) => stream.collect::<Vec<_>>().await.pop().unwrap().unwrap_err(),
    }
}

#[tokio::test]
async fn a_broken_stream_is_never_a_whole_answer() {
    let piece = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n".to_vec();
    let events = |end| Reply::events(vec![piece.clone()]).end(end);
    expect(&stream_fails(events(End::Clean)).await, ModelFailure::Protocol, &["the stream was cut"]);
    expect(&stream_fails(events(End::Cut)).await, ModelFailure::Protocol, &["broke off"]);
    expect(&stream_fails(events(End::Hang)).await, ModelFailure::Timeout, &["timeout"]);
    let told = b"data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n\n".to_vec();
    expect(
        &stream_fails(Reply::events(vec![piece.clone(), told])).await,
        ModelFailure::Server,
        &["out of memory"],
    );
    let page = Reply::new(200, "text/html", "<html>");
    expect(&stream_fails(page).await, ModelFailure::Request, &["web page"]);
    expect(&stream_fails(error(429, "slow down")).await, ModelFailure::RateLimited, &["slow down"]);
}

async fn ask_all(model: &Model, calls: usize) {
    let calls = join_all((0..calls).map(|_| model.ask("hello"))).await;
    assert!(calls.into_iter().all(|call| call.is_ok()));
}

#[tokio::test]
async fn as_many_calls_run_at_once_as_the_table_says() {
    let fake = Fake::start(|_| answer().delay(Duration::from_millis(20))).await;
    ask_all(&fake.builder().concurrency(3).build().unwrap(), 30).await;
    assert_eq!((fake.calls(), fake.most_at_once()), (30, 3));
}

#[tokio::test]
async fn an_endpoint_that_bears_it_gets_more_calls_and_one_that_does_not_gets_fewer() {
    let turn = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match turn.fetch_add(1, Relaxed) {
        60 => error(429, "slow down").header("retry-after-ms", "5"),
        _ => answer().delay(Duration::from_millis(20)),
    })
    .await;
    let model = fake.builder().max_retries(3).build().unwrap();
    ask_all(&model, 20).await;
    assert_eq!(fake.most_at_once(), 20);
    let limit = || {
        let statuses = agentscope_tuner::model::endpoint::statuses();
        statuses.into_iter().find(|status| status.endpoint == fake.url).unwrap().limit
    };
    assert_eq!(limit(), 40, "a clean round doubles");
    ask_all(&model, 40).await;
    assert_eq!((fake.most_at_once(), limit()), (40, 80));
    ask_all(&model, 1).await;
    assert_eq!(limit(), 64, "cut by a fifth");
}
