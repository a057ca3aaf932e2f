//! Shapes from the API's reference: https://docs.anthropic.com/en/api/messages

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::{
    message::{Block, Msg, Role, ToolResult, ToolUse},
    model::{FinishReason, ResponseFormat, ToolChoice, ToolSpec, Usage},
};

fn body(request: &ChatRequest) -> Value {
    serde_json::to_value(Body { request, name: "claude", stream: false }).unwrap()
}

fn weather() -> ToolSpec {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    ToolSpec { name: "weather".into(), description: "Says it.".into(), parameters }
}

#[test]
fn system_messages_stand_apart_and_results_share_a_turn() {
    let call = |id: &str| ToolUse { id: id.into(), name: "weather".into(), input: json!({"city": "Bern"}) };
    let thought = Block::Thinking { thinking: "look".into(), signature: Some("sig".into()) };
    let turn = vec![thought, Block::ToolUse(call("a")), Block::ToolUse(call("b"))];
    let request = ChatRequest::new([
        Msg::system("Be brief."),
        Msg::user("Weather?"),
        Msg::new(Role::Assistant, turn),
        Msg::tool([ToolResult::ok(&call("a"), "sunny")]),
        Msg::tool([ToolResult::error(&call("b"), "no such city")]),
    ])
    .tools([weather()])
    .tool_choice(ToolChoice::Tool("weather".into()));
    let body = body(&request);
    assert_eq!(body["system"], "Be brief.");
    assert_eq!(body["max_tokens"], 4096);
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "weather"}));
    assert_eq!(body["tools"][0]["input_schema"]["type"], "object");
    let turns = body["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    assert_eq!(turns[1]["content"][0], json!({"type": "thinking", "thinking": "look", "signature": "sig"}));
    let results = json!([
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "sunny"}]},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "no such city"}],
            "is_error": true}
    ]);
    assert_eq!(turns[2], json!({"role": "user", "content": results}));
}

#[test]
fn a_schema_is_a_tool_whose_call_is_the_answer() {
    let format = ResponseFormat::JsonSchema { name: "grade".into(), schema: json!({"type": "object"}) };
    let request = ChatRequest::new([Msg::user("Grade it.")]).response_format(format);
    assert_eq!(body(&request)["tool_choice"], json!({"type": "tool", "name": "grade"}));
    let answer = json!({"model": "claude", "stop_reason": "tool_use", "content": [
        {"type": "tool_use", "id": "t", "name": "grade", "input": {"score": 1}}]});
    let message: response::Message = serde_json::from_value(answer).unwrap();
    let response = message.into_response(Some("grade"));
    assert_eq!((&*response.message.text(), response.finish), ("{\"score\":1}", FinishReason::Stop));
}

#[test]
fn cached_tokens_are_part_of_the_input() {
    let answer = json!({"model": "claude", "stop_reason": "max_tokens",
        "content": [{"type": "redacted_thinking", "data": "xyz"}, {"type": "text", "text": "hi"},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}],
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100,
            "output_tokens": 3}});
    let message: response::Message = serde_json::from_value(answer).unwrap();
    let response = message.into_response(None);
    assert_eq!(response.finish, FinishReason::Length);
    let usage = Usage { input_tokens: 115, output_tokens: 3, cached_tokens: 100, reasoning_tokens: 0 };
    assert_eq!(response.usage, Some(usage));
    let back = ChatRequest::new([Msg::user("go"), response.message]);
    assert_eq!(body(&back)["messages"][1]["content"][0], json!({"type": "redacted_thinking", "data": "xyz"}));
}

#[test]
fn a_stream_makes_the_same_answer() {
    let events = [
        json!({"type": "message_start", "message": {"model": "claude", "content": [],
            "usage": {"input_tokens": 25, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 1,
            "content_block": {"type": "tool_use", "id": "t", "name": "weather", "input": {}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}}),
        json!({"type": "content_block_delta", "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": "{\"city\": \"B"}}),
        json!({"type": "content_block_delta", "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": "ern\"}"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
    ];
    let mut draft = stream::Draft::default();
    let mut ready = VecDeque::new();
    for event in events {
        assert!(!draft.take(serde_json::from_value(event).unwrap(), None, &mut ready));
    }
    let end = serde_json::from_value(json!({"type": "message_stop"})).unwrap();
    assert!(draft.take(end, None, &mut ready));
    let response = draft.finish().unwrap().into_response(None);
    let call = ToolUse { id: "t".into(), name: "weather".into(), input: json!({"city": "Bern"}) };
    let thought = Block::Thinking { thinking: "hm".into(), signature: Some("s".into()) };
    assert_eq!(response.message.content, [thought, Block::ToolUse(call)]);
    assert_eq!(response.usage.unwrap(), Usage { input_tokens: 25, output_tokens: 9, ..Usage::default() });
    assert_eq!(response.finish, FinishReason::ToolCalls);
    let arguments = ready.iter().filter_map(|event| match event {
        ChatEvent::ToolUse { arguments, .. } => Some(&**arguments),
        _ => None,
    });
    assert_eq!(arguments.collect::<String>(), "{\"city\": \"Bern\"}");
}

#[test]
fn a_cut_stream_is_no_answer() {
    let mut draft = stream::Draft::default();
    let start = json!({"type": "message_start", "message": {"model": "claude", "content": []}});
    draft.take(serde_json::from_value(start).unwrap(), None, &mut VecDeque::new());
    assert!(draft.finish().is_none());
}
