//! Anthropic's and Google's protocols on the wire: addresses, headers, answers, streams, errors.
#![allow(clippy::unwrap_used, reason = "a failed test")]

mod model_support;

use agentscope_tuner::{
    ErrorKind,
    error::ModelFailure,
    message::Msg,
    model::{ChatEvent, ChatRequest, ModelBuilder, anthropic, gemini},
};
use futures_util::StreamExt as _;
use model_support::{Fake, KEY, Reply};
use serde_json::{Value, json};

fn hello() -> ChatRequest {
    ChatRequest::new([Msg::user("hello")])
}

fn at(fake: &Fake, model: ModelBuilder) -> agentscope_tuner::model::Model {
    model.base_url(&fake.url).api_key(KEY).max_retries(0).build().unwrap()
}

fn events(events: &[Value]) -> Reply {
    Reply::events(events.iter().map(|event| format!("event: x\ndata: {event}\n\n").into_bytes()).collect())
}

#[tokio::test]
async fn anthropic_answers_whole_and_in_pieces() {
    let fake = Fake::start(|request| {
        if request["stream"] != true {
            let content = json!([{"type": "text", "text": "hi"}]);
            let usage = json!({"input_tokens": 3, "output_tokens": 1});
            return Reply::json(json!({"type": "message", "role": "assistant", "model": "claude-1",
                "content": content, "stop_reason": "end_turn", "usage": usage}));
        }
        events(&[
            json!({"type": "message_start", "message": {"model": "claude-1", "content": [],
                "usage": {"input_tokens": 3, "output_tokens": 0}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "h"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "i"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
            json!({"type": "message_stop"}),
        ])
    })
    .await;
    let model = at(&fake, anthropic("claude"));
    let whole = model.chat(&hello()).await.unwrap();
    assert_eq!((&*fake.last_path(), fake.last_header("x-api-key").as_deref()), ("/v1/messages", Some(KEY)));
    assert_eq!(fake.last_header("anthropic-version").as_deref(), Some("2023-06-01"));
    let mut pieces: Vec<_> =
        model.stream(&hello()).await.unwrap().map(|event| event.unwrap()).collect().await;
    assert_eq!(pieces.pop(), Some(ChatEvent::Done(Box::new(whole))));
    assert_eq!(pieces, ["h", "i"].map(|text| ChatEvent::Text(text.into())));
}

#[tokio::test]
async fn gemini_answers_whole_and_in_pieces() {
    let chunk = |text: &str, finish: Option<&str>| {
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": text.len()}, "modelVersion": "gemini-1"})
    };
    let fake = Fake::start_by_path(move |path, _| {
        if path.contains(":generateContent") {
            return Reply::json(chunk("hi", Some("STOP")));
        }
        events(&[
            chunk("h", None),
            chunk("i", Some("STOP")),
            json!({"usageMetadata":
            {"promptTokenCount": 3, "candidatesTokenCount": 2}}),
        ])
    })
    .await;
    let model = at(&fake, gemini("models/gemini"));
    let whole = model.chat(&hello()).await.unwrap();
    assert_eq!(fake.last_path(), "/v1/models/gemini:generateContent");
    assert_eq!(fake.last_header("x-goog-api-key").as_deref(), Some(KEY));
    let mut pieces: Vec<_> =
        model.stream(&hello()).await.unwrap().map(|event| event.unwrap()).collect().await;
    assert_eq!(fake.last_path(), "/v1/models/gemini:streamGenerateContent?alt=sse");
    assert_eq!(pieces.pop(), Some(ChatEvent::Done(Box::new(whole))));
    assert_eq!(pieces, ["h", "i"].map(|text| ChatEvent::Text(text.into())));
}

#[tokio::test]
async fn their_errors_are_classified() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let told = overloaded.clone();
    let fake = Fake::start(move |_| events(std::slice::from_ref(&told))).await;
    let mut stream = at(&fake, anthropic("claude")).stream(&hello()).await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Server), "{error}");
    let blocked =
        json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}});
    let fake = Fake::start(move |_| Reply::json(blocked.clone())).await;
    let error = at(&fake, gemini("gemini")).chat(&hello()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Refused), "{error}");
    for cut in ["{}", "{\"candidates\": [{}]}", "{\"content\": nul", ""] {
        let fake = Fake::start(move |_| Reply::new(200, "application/json", cut)).await;
        for model in [anthropic("claude"), gemini("gemini")] {
            let error = at(&fake, model).chat(&hello()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Model(ModelFailure::Protocol), "{cut}: {error}");
        }
    }
}
