use serde_json::{Value, json};

use super::*;
use crate::{
    message::Block,
    model::{ChatResponse, FinishReason},
};

fn read(value: Value) -> ChatResponse {
    let text = value.to_string();
    let parsed: Completion<'_> = serde_json::from_str(&text).unwrap();
    parsed.parts().unwrap().into_response(0)
}

fn message(message: Value) -> ChatResponse {
    read(json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
}

#[test]
fn text_and_usage_are_read() {
    let response = read(json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2}}
    }));
    assert_eq!((&*response.message.text(), &*response.model), ("hi", "gpt-x"));
    assert_eq!(response.finish, FinishReason::Length);
    let usage = Usage { input_tokens: 9, output_tokens: 5, cached_tokens: 4, reasoning_tokens: 2 };
    assert_eq!(response.usage, Some(usage));
}

#[test]
fn tool_calls_are_read_whatever_their_arguments() {
    let function =
        |arguments: Value| json!({"type": "function", "function": {"name": "f", "arguments": arguments}});
    let calls = [json!("{\"a\": 1}"), json!("{\"a\": "), json!(""), json!({"a": 1}), json!("\"text\"")];
    let calls: Vec<_> = calls.into_iter().map(function).collect();
    let response = message(json!({"content": null, "tool_calls": calls}));
    let inputs: Vec<_> = response.message.tool_uses().map(|call| call.input.clone()).collect();
    assert_eq!(inputs, [json!({"a": 1}), json!("{\"a\": "), json!({}), json!({"a": 1}), json!("\"text\"")]);
    assert_eq!(response.finish, FinishReason::ToolCalls);
    let ids: std::collections::HashSet<_> = response.message.tool_uses().map(|call| &call.id).collect();
    assert_eq!(ids.len(), 5, "calls without an id get one each");
}

#[test]
fn reasoning_is_read_under_both_of_its_names() {
    for name in ["reasoning_content", "reasoning"] {
        let response = message(json!({"content": "4", name: "2 and 2"}));
        assert_eq!(response.message.content, [Block::thinking("2 and 2"), Block::text("4")]);
    }
}

#[test]
fn a_refusal_is_marked_by_its_finish_reason() {
    let response = message(json!({"content": null, "refusal": "I won't"}));
    assert_eq!((response.finish, &*response.message.text()), (FinishReason::ContentFilter, "I won't"));
}

#[test]
fn content_may_be_a_list_of_parts() {
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    assert_eq!(message(json!({"content": parts})).message.text(), "ab");
}

#[test]
fn exact_tokens_need_a_log_probability_each() {
    let answer = |ids: Value| {
        read(json!({
            "prompt_token_ids": [1, 2],
            "choices": [{"message": {"content": "a b"}, "token_ids": ids, "logprobs": {"content": [
                {"token": "a", "logprob": -0.5, "bytes": [97],
                    "top_logprobs": [{"token": "a", "logprob": -0.5, "bytes": null}]},
                {"token": " b", "logprob": -1.0, "bytes": null, "top_logprobs": []}
            ]}}]
        }))
    };
    let trace = answer(json!([7, 8])).tokens.unwrap();
    assert_eq!((trace.prompt_ids, trace.ids, trace.logprobs), (vec![1, 2], vec![7, 8], vec![-0.5, -1.0]));
    let short = answer(json!([7]));
    assert_eq!(short.tokens, None);
    assert_eq!(short.logprobs.unwrap()[0].top, [("a".to_owned(), -0.5)]);
}
