use serde_json::json;

use super::*;
use crate::{
    message::{Block, MediaSource, Msg, Role, ToolResult, ToolUse},
    model::Sampling,
};

fn body(request: &ChatRequest, dialect: &Dialect) -> Value {
    let preface = preface(request, dialect);
    let body = Body { request, name: "tiny", dialect, stream: false, preface: preface.as_deref() };
    serde_json::to_value(body).unwrap()
}

fn call(id: &str, input: Value) -> ToolUse {
    ToolUse { id: id.into(), name: "look".into(), input }
}

#[test]
fn a_plain_request_holds_nothing_else() {
    let request = ChatRequest::new([Msg::user("hi")]);
    let plain = json!({"model": "tiny", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(body(&request, &Dialect::COMPATIBLE), plain);
}

#[test]
fn a_turn_with_tools_keeps_results_together_and_shows_their_pictures_after() {
    let (first, second) = (call("c1", json!({"x": 1})), call("c2", json!("{not json")));
    let image =
        Block::Image { source: MediaSource::Base64 { media_type: "image/png".into(), data: "AAAA".into() } };
    let mut seen = ToolResult::ok(&first, "a cat");
    seen.output.push(image);
    let turn = vec![Block::ToolUse(first), Block::ToolUse(second.clone())];
    let messages = [
        Msg::new(Role::Assistant, turn),
        Msg::tool([seen]),
        Msg::tool([ToolResult::error(&second, "bad arguments")]),
        Msg::user("well?"),
    ];
    let messages = &body(&ChatRequest::new(messages), &Dialect::COMPATIBLE)["messages"];
    let roles: Vec<_> =
        messages.as_array().unwrap().iter().map(|msg| msg["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user", "user"]);
    assert_eq!(messages[0]["content"], Value::Null);
    assert_eq!(messages[0]["tool_calls"][0]["function"]["arguments"], "{\"x\":1}");
    assert_eq!(messages[0]["tool_calls"][1]["function"]["arguments"], "{not json");
    assert_eq!(messages[1], json!({"role": "tool", "tool_call_id": "c1", "content": "a cat"}));
    let image = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]);
    assert_eq!(messages[3]["content"], image);
}

#[test]
fn reasoning_goes_back_only_where_it_is_wanted() {
    let turn = vec![Block::thinking("hm"), Block::text("calling"), Block::ToolUse(call("c", json!({})))];
    let request = ChatRequest::new([Msg::new(Role::Assistant, turn)]);
    let with = Dialect { echo_reasoning: true, ..Dialect::COMPATIBLE };
    assert_eq!(body(&request, &with)["messages"][0]["reasoning_content"], "hm");
    assert_eq!(body(&request, &Dialect::COMPATIBLE)["messages"][0].get("reasoning_content"), None);
}

#[test]
fn extra_fields_win_and_never_appear_twice() {
    let mut request = ChatRequest::new([Msg::user("hi")]).temperature(0.5);
    request.sampling.extra =
        json!({"temperature": 0.1, "return_token_ids": true}).as_object().unwrap().clone();
    let dialect = Dialect::COMPATIBLE;
    let body = Body { request: &request, name: "tiny", dialect: &dialect, stream: false, preface: None };
    let text = serde_json::to_string(&body).unwrap();
    assert_eq!(text.matches("temperature").count(), 1);
    assert!(text.contains("\"temperature\":0.1") && text.contains("\"return_token_ids\":true"), "{text}");
}

#[test]
fn dialects_differ_in_their_field_names() {
    let mut request = ChatRequest::new([Msg::user("hi")]).max_tokens(9);
    request.sampling = Sampling { reasoning_effort: Some("none".into()), ..request.sampling };
    let openai = Dialect { max_tokens: "max_completion_tokens", ..Dialect::COMPATIBLE };
    assert_eq!(body(&request, &openai)["max_completion_tokens"], 9);
    assert_eq!(body(&request, &openai)["reasoning_effort"], "none");
    let dashscope = Dialect { thinking: Thinking::Switch, ..Dialect::COMPATIBLE };
    assert_eq!(body(&request, &dashscope)["enable_thinking"], false);
    assert_eq!(body(&request, &dashscope)["max_tokens"], 9);
}

#[test]
fn strict_is_only_claimed_for_schemas_that_allow_it() {
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
        "additionalProperties": false});
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let format = |schema| ResponseFormat::JsonSchema { name: "s".into(), schema };
    let strict = |schema| {
        let request = ChatRequest::new([Msg::user("hi")]).response_format(format(schema));
        body(&request, &Dialect::COMPATIBLE)["response_format"]["json_schema"]["strict"].clone()
    };
    assert_eq!(strict(closed), true);
    assert_eq!(strict(open.clone()), Value::Null);
    assert_eq!(strict(json!({"anyOf": [open]})), Value::Null);
}

#[test]
fn an_endpoint_without_schemas_is_told_in_words() {
    let schema = json!({"type": "object"});
    let format = ResponseFormat::JsonSchema { name: "s".into(), schema };
    let request = ChatRequest::new([Msg::user("hi")]).response_format(format);
    let written = body(&request, &Dialect { json_schema: false, ..Dialect::COMPATIBLE });
    assert_eq!(written["response_format"], json!({"type": "json_object"}));
    assert!(written["messages"][0]["content"].as_str().unwrap().contains("{\"type\":\"object\"}"));
}
