mod anthropic;
mod run;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Gateway;
use crate::{
    error::{ErrorKind, Result},
    message::{Block, Msg, Role, ToolUse},
    model::{ChatRequest, ChatResponse, Model, openai, scripted::Scripted},
};

/// Says what it was asked, or calls the tool that it is offered.
fn echo(request: &ChatRequest) -> ChatResponse {
    if let Some(tool) = request.tools.first() {
        let call = ToolUse { id: "call_7".into(), name: tool.name.to_string(), input: json!({ "a": 1 }) };
        return ChatResponse::new(Msg::new(Role::Assistant, vec![Block::ToolUse(call)]));
    }
    let said: Vec<String> =
        request.messages.iter().map(|msg| format!("{:?}:{}", msg.role, msg.text())).collect();
    ChatResponse::text(said.join("|")).with_usage(3, 2)
}

fn gateway() -> Gateway {
    let model = Model::new(Scripted::new("echo", echo));
    Gateway::new(BTreeMap::from([("echo".to_owned(), model)])).unwrap()
}

/// Starts serving, and gives the base URL.
async fn start(gateway: Gateway) -> String {
    let listening = gateway.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}/v1", listening.address());
    tokio::spawn(listening.serve(CancellationToken::new()));
    url
}

async fn post(url: &str, body: &Value) -> (u16, Value) {
    let sent = reqwest::Client::new().post(format!("{url}/chat/completions")).json(body).send();
    let response = sent.await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn our_own_client_gets_its_answers() -> Result<()> {
    let url = start(gateway()).await;
    let client = openai("echo").base_url(&url).build()?;
    let request = ChatRequest::new([Msg::system("be brief"), Msg::user("hello")]);
    let response = client.chat(&request).await?;
    assert_eq!(response.message.text(), "System:be brief|User:hello");
    assert_eq!(response.usage.unwrap().total(), 5);
    let tool = crate::model::ToolSpec {
        name: "add".into(),
        description: "Adds.".into(),
        parameters: json!({ "type": "object" }),
    };
    let called = client.chat(&request.tools([tool])).await?;
    let call = called.message.tool_uses().next().unwrap();
    assert_eq!((&*call.id, &*call.name, &call.input), ("call_7", "add", &json!({ "a": 1 })));
    Ok(())
}

#[tokio::test]
async fn a_stream_ends_with_usage_and_done() {
    let url = start(gateway()).await;
    let body = json!({
        "model": "echo", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }]
    });
    let sent = reqwest::Client::new().post(format!("{url}/chat/completions")).json(&body).send();
    let text = sent.await.unwrap().text().await.unwrap();
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let said: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, "User:hi");
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[chunks.len() - 1]["usage"]["total_tokens"], 5);
}

#[tokio::test]
async fn faults_are_told_as_openais_clients_expect() {
    let url = start(gateway()).await;
    let hello = json!([{ "role": "user", "content": "hi" }]);
    let cases = [
        (json!({ "model": "echo" }), 400, "missing field `messages`"),
        (json!({ "model": "echo", "messages": [] }), 400, "messages is empty"),
        (json!({ "model": "gpt", "messages": hello }), 404, "known: echo"),
        (json!({ "model": "echo", "messages": hello, "temperature": -1 }), 400, "temperature"),
        (json!({ "model": "echo", "messages": hello, "n": 0 }), 400, "n is 0"),
        (json!({ "model": "echo", "messages": hello, "top_logprobs": 2 }), 400, "needs logprobs"),
        (json!({ "model": "echo", "messages": hello, "logit_bias": { "5": 1 } }), 400, "logit_bias"),
        (json!({ "model": "echo", "messages": [{ "role": "tool", "content": "4" }] }), 400, "tool_call_id"),
    ];
    for (body, status, word) in cases {
        let (got, error) = post(&url, &body).await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(got == status && message.contains(word), "{body}: {got} {message}");
    }
    let missing = reqwest::get(format!("{url}/completions")).await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn a_token_is_demanded_where_others_could_ask() {
    let error = gateway().listen("0.0.0.0:0".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let url = start(gateway().token("s3cret")).await;
    let ask = |key: &'static str| {
        let request = reqwest::Client::new().get(format!("{url}/models")).bearer_auth(key);
        async { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!((ask("s3cret").await, ask("S3cret").await, ask("").await), (200, 401, 401));
}

#[tokio::test]
async fn several_choices_are_counted_together() {
    let url = start(gateway()).await;
    let body = json!({ "model": "echo", "n": 3, "messages": [{ "role": "user", "content": "hi" }] });
    let (_, answer) = post(&url, &body).await;
    assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
    assert_eq!(
        answer["usage"],
        json!({
            "prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9,
            "prompt_tokens_details": { "cached_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0 }
        })
    );
}
