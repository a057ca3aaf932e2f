use serde_json::{Value, json};

use super::{gateway, start};
use crate::{
    error::Result,
    message::{Msg, ToolResult},
    model::{ChatEvent, ChatRequest, ToolSpec, anthropic},
};
use futures_util::StreamExt as _;

/// `url` is that of OpenAI's clients.
async fn post(url: &str, body: &Value) -> (u16, Value) {
    let address = format!("{url}/messages");
    let sent = reqwest::Client::new().post(address).header("x-api-key", "k").json(body).send().await.unwrap();
    (sent.status().as_u16(), sent.json().await.unwrap())
}

fn add() -> ToolSpec {
    ToolSpec { name: "add".into(), description: "Adds.".into(), parameters: json!({ "type": "object" }) }
}

#[tokio::test]
async fn our_own_client_gets_its_answers() -> Result<()> {
    let url = start(gateway()).await;
    let client = anthropic("echo").base_url(&url).api_key("k").build()?;
    let request = ChatRequest::new([Msg::system("be brief"), Msg::user("hello")]);
    let response = client.chat(&request).await?;
    assert_eq!(response.message.text(), "System:be brief|User:hello");
    assert_eq!(response.usage.unwrap().total(), 5);
    let called = client.chat(&request.clone().tools([add()])).await?;
    let call = called.message.tool_uses().next().unwrap().clone();
    assert_eq!((&*call.id, &*call.name, &call.input), ("call_7", "add", &json!({ "a": 1 })));
    // What the tool said comes back under its name.
    let result = Msg::tool([ToolResult::ok(&call, "2")]);
    let again = ChatRequest::new([Msg::user("hello"), called.message, result]);
    let told = client.chat(&again).await?;
    assert_eq!(told.message.text(), "User:hello|Assistant:|Tool:");
    Ok(())
}

#[tokio::test]
async fn a_stream_is_put_together_by_our_own_client() -> Result<()> {
    let url = start(gateway()).await;
    let client = anthropic("echo").base_url(&url).api_key("k").build()?;
    for tools in [vec![], vec![add()]] {
        let request = ChatRequest::new([Msg::user("hello")]).tools(tools);
        let mut events = client.stream(&request).await?;
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event?);
        }
        let Some(ChatEvent::Done(streamed)) = last else { panic!("no end") };
        assert_eq!(streamed.message, client.chat(&request).await?.message);
    }
    Ok(())
}

#[tokio::test]
async fn events_come_in_the_order_of_the_protocol() {
    let url = start(gateway()).await;
    let body = json!({
        "model": "echo", "max_tokens": 9, "stream": true, "system": [{ "type": "text", "text": "be brief" }],
        "messages": [{ "role": "user", "content": "hi" }]
    });
    let address = format!("{url}/messages");
    let sent = reqwest::Client::new().post(address).json(&body).send().await.unwrap();
    let text = sent.text().await.unwrap();
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let wanted = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, wanted);
    let data: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    assert!(data.iter().zip(wanted).all(|(event, name)| event["type"] == name));
    assert_eq!(data[2]["delta"], json!({ "type": "text_delta", "text": "System:be brief|User:hi" }));
    assert_eq!(data[4]["delta"]["stop_reason"], "end_turn");
    assert_eq!(data[4]["usage"]["output_tokens"], 2);
}

#[tokio::test]
async fn faults_are_told_in_the_words_of_the_protocol() {
    let url = start(gateway()).await;
    let hello = json!([{ "role": "user", "content": "hi" }]);
    let result = json!([{ "type": "tool_result", "tool_use_id": "t1", "content": "4" }]);
    let cases = [
        (json!({ "model": "echo", "messages": hello }), 400, "invalid_request_error", "max_tokens"),
        (json!({ "model": "echo", "max_tokens": 5, "messages": [] }), 400, "invalid_request_error", "empty"),
        (
            json!({ "model": "gpt", "max_tokens": 5, "messages": hello }),
            404,
            "not_found_error",
            "known: echo",
        ),
        (
            json!({ "model": "echo", "max_tokens": 5, "messages": [{ "role": "user", "content": result }] }),
            400,
            "invalid_request_error",
            "messages[0]: no earlier message calls a tool as `t1`",
        ),
    ];
    for (body, status, kind, word) in cases {
        let (got, error) = post(&url, &body).await;
        assert_eq!((got, &error["type"], &error["error"]["type"]), (status, &json!("error"), &json!(kind)));
        assert!(error["error"]["message"].as_str().unwrap().contains(word), "{error}");
    }
    let guarded = start(gateway().token("s3cret")).await;
    let (status, error) = post(&guarded, &json!({})).await;
    assert_eq!((status, &error["error"]["type"]), (401, &json!("authentication_error")));
}
