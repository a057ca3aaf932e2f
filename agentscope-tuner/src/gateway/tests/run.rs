use std::{sync::Arc, time::Duration};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::{
    gateway::RunGateway,
    model::{
        Model,
        scripted::{Rule, Scripted},
    },
    workflow::{Access as _, Context, ModelEndpoint},
};

fn echo() -> Model {
    Model::new(Scripted::new("echo", |_| "hi"))
}

fn body(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] })
}

async fn ask(url: &str, key: &str, body: &Value) -> (StatusCode, Value) {
    let sent = Client::new().post(format!("{url}/chat/completions")).bearer_auth(key).json(body).send();
    let response = sent.await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_key_opens_its_own_model_and_no_other() {
    let gateway = RunGateway::new();
    let over = CancellationToken::new();
    let one = gateway.open(&echo(), &over).unwrap();
    let other = gateway.open(&Model::new(Scripted::new("other", |_| "no")), &over).unwrap();
    // One server for both.
    assert_eq!(one.base_url(), other.base_url());
    assert_ne!(one.api_key(), other.api_key());
    assert!(one.api_key().len() >= 64);
    // Whatever model is named, the key decides.
    let (status, answer) = ask(one.base_url(), one.api_key(), &body("gpt-4o")).await;
    assert_eq!((status, &answer["model"]), (StatusCode::OK, &json!("echo")));
    let (_, answer) = ask(other.base_url(), other.api_key(), &body("echo")).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "no");
    let models = Client::new().get(format!("{}/models", one.base_url())).bearer_auth(one.api_key());
    let models: Value = models.send().await.unwrap().json().await.unwrap();
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
    for guess in ["", "sk-rollout-", &one.api_key()[1..], &one.api_key().to_uppercase()] {
        assert_eq!(ask(one.base_url(), guess, &body("echo")).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_key_is_useless_after_its_rollout() {
    let gateway = Arc::new(RunGateway::new());
    let context = Context::builder("row/0").slot("model", echo()).access(gateway.clone()).build();
    let open = context.closing();
    let endpoint = context.endpoint("model").unwrap();
    let (url, key) = (endpoint.base_url().to_owned(), endpoint.api_key().to_owned());
    assert_eq!(ask(&url, &key, &body("echo")).await.0, StatusCode::OK);
    // The rollout ends although somebody keeps its endpoint.
    drop(open);
    let (status, error) = ask(&url, &key, &body("echo")).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("invalid_api_key")));
    let late = context.endpoint("model").unwrap_err();
    assert!(late.to_string().contains("the rollout is over"), "{late}");
    // Or somebody drops it while the rollout goes on.
    let dropped = gateway.open(&echo(), &CancellationToken::new()).unwrap();
    let key = dropped.api_key().to_owned();
    drop(dropped);
    assert_eq!(ask(&url, &key, &body("echo")).await.0, StatusCode::UNAUTHORIZED);
    assert!(format!("{gateway:?}").contains("number: 1"));
}

#[tokio::test]
async fn answers_under_way_are_dropped_when_the_rollout_ends() {
    let slow = Scripted::rules("slow", [Rule { latency_ms: 60_000, ..Rule::otherwise("late") }]).unwrap();
    let (gateway, over) = (RunGateway::new(), CancellationToken::new());
    let endpoint = gateway.open(&Model::new(slow), &over).unwrap();
    let (url, key) = (endpoint.base_url().to_owned(), endpoint.api_key().to_owned());
    let asked = tokio::spawn(async move { ask(&url, &key, &body("slow")).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    over.cancel();
    let (status, _) = tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap().unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn foreign_hosts_and_great_bodies_are_refused() {
    let endpoint = ModelEndpoint::of(&echo()).unwrap();
    let address = format!("{}/chat/completions", endpoint.base_url());
    let request = || Client::new().request(Method::POST, &address).bearer_auth(endpoint.api_key());
    let rebound = request().header("host", "evil.example").json(&body("echo")).send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);
    let local = request().header("host", "localhost:1").json(&body("echo")).send().await.unwrap();
    assert_eq!(local.status(), StatusCode::OK);
    let great = request().body(vec![b' '; (32 << 20) + 1]).send().await.unwrap();
    assert_eq!(great.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// What the server says to `sent` once it has waited for the rest as long as it does. Time is paused, so it passes at once.
async fn after_waiting(endpoint: &ModelEndpoint, sent: &str) -> String {
    let address = endpoint.anthropic_base_url().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_is_not_waited_for() {
    let endpoint = ModelEndpoint::of(&echo()).unwrap();
    let key = endpoint.api_key();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n");
    let no_body = format!("{head}Connection: close\r\nContent-Length: 100\r\n\r\n{{");
    assert!(after_waiting(&endpoint, &no_body).await.starts_with("HTTP/1.1 408"));
    // A head that never ends is not answered at all.
    assert_eq!(after_waiting(&endpoint, &head).await, "");
}

#[tokio::test]
async fn an_endpoint_outside_of_a_run_lasts_as_long_as_its_handle() {
    let endpoint = ModelEndpoint::of(&echo()).unwrap();
    let (url, key) = (endpoint.base_url().to_owned(), endpoint.api_key().to_owned());
    let copy = endpoint.clone();
    drop(endpoint);
    assert_eq!(ask(&url, &key, &body("echo")).await.0, StatusCode::OK);
    drop(copy);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(Client::new().get(format!("{url}/models")).send().await.is_err());
}

#[test]
fn a_gateway_outlives_the_runtime_that_it_was_started_in() {
    let gateway = RunGateway::new();
    let answered = |gateway: &RunGateway| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let endpoint = gateway.open(&echo(), &CancellationToken::new()).unwrap();
            ask(endpoint.base_url(), endpoint.api_key(), &body("echo")).await.0
        })
    };
    assert_eq!((answered(&gateway), answered(&gateway)), (StatusCode::OK, StatusCode::OK));
    let error = gateway.open(&echo(), &CancellationToken::new()).unwrap_err();
    assert!(error.to_string().contains("Tokio runtime"), "{error}");
}
