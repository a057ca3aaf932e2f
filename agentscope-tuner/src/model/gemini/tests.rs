//! Shapes from the API's reference: https://ai.google.dev/api/generate-content

use serde_json::{Value, json};

use super::*;
use crate::{
    message::{Block, Msg, Role, ToolResult, ToolUse},
    model::{FinishReason, ResponseFormat, ToolChoice, ToolSpec, Usage},
};

fn body(request: &ChatRequest) -> Value {
    serde_json::to_value(Body(request)).unwrap()
}

fn response(chunks: impl IntoIterator<Item = Value>) -> ChatResponse {
    let mut draft = Draft::default();
    chunks.into_iter().for_each(|chunk| draft.take(serde_json::from_value(chunk).unwrap()));
    draft.into_response()
}

#[test]
fn a_turn_with_tools_is_written_with_its_signature() {
    let call = ToolUse { id: "call_0".into(), name: "weather".into(), input: json!({"city": "Bern"}) };
    let thought = Block::Thinking { thinking: String::new(), signature: Some("sig".into()) };
    let parameters = json!({"type": "object"});
    let request = ChatRequest::new([
        Msg::system("Be brief."),
        Msg::user("Weather?"),
        Msg::new(Role::Assistant, vec![thought, Block::ToolUse(call.clone())]),
        Msg::tool([ToolResult::ok(&call, "sunny")]),
    ])
    .tools([ToolSpec { name: "weather".into(), description: "Says it.".into(), parameters }])
    .tool_choice(ToolChoice::Required)
    .temperature(0.5);
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather?"}]},
            {"role": "model", "parts": [{"thoughtSignature": "sig",
                "functionCall": {"id": "call_0", "name": "weather", "args": {"city": "Bern"}}}]},
            {"role": "user", "parts": [{"functionResponse":
                {"id": "call_0", "name": "weather", "response": {"output": "sunny"}}}]}
        ],
        "tools": [{"functionDeclarations":
            [{"name": "weather", "description": "Says it.", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {"temperature": 0.5}
    });
    assert_eq!(body(&request), expected);
}

#[test]
fn a_schema_is_part_of_the_generation_config() {
    let format = ResponseFormat::JsonSchema { name: "grade".into(), schema: json!({"type": "object"}) };
    let config = &body(&ChatRequest::new([Msg::user("Grade.")]).response_format(format))["generationConfig"];
    assert_eq!(config["responseMimeType"], "application/json");
    assert_eq!(config["responseJsonSchema"], json!({"type": "object"}));
}

#[test]
fn thoughts_calls_and_usage_are_read() {
    let answer = response([json!({
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "let me look", "thought": true},
            {"functionCall": {"name": "weather", "args": {"city": "Bern"}}, "thoughtSignature": "sig"}
        ]}}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 6,
            "cachedContentTokenCount": 2, "totalTokenCount": 19},
        "modelVersion": "gemini-x"
    })]);
    let call = ToolUse { id: "call_0".into(), name: "weather".into(), input: json!({"city": "Bern"}) };
    let thought = Block::Thinking { thinking: "let me look".into(), signature: Some("sig".into()) };
    assert_eq!(answer.message.content, [thought, Block::ToolUse(call)]);
    assert_eq!(answer.finish, FinishReason::ToolCalls);
    let usage = Usage { input_tokens: 9, output_tokens: 10, cached_tokens: 2, reasoning_tokens: 6 };
    assert_eq!(answer.usage, Some(usage));
}

#[test]
fn chunks_make_the_same_answer_as_the_whole() {
    let piece = |text: &str, thought: bool| {
        json!({"candidates": [{"content": {"parts": [
        {"text": text, "thought": thought}]}}]})
    };
    let end = json!({"candidates": [{"content": {"parts": [{"text": "!"}]}, "finishReason": "MAX_TOKENS"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}});
    let streamed =
        response([piece("h", true), piece("m", true), piece("Hel", false), piece("lo", false), end]);
    assert_eq!(streamed.message.content, [Block::thinking("hm"), Block::text("Hello!")]);
    assert_eq!(streamed.finish, FinishReason::Length);
    assert_eq!(streamed.usage.unwrap().total(), 3);
}
