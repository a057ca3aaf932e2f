//! An answer as one object, and its parts.

use serde_json::{Value, json};

use crate::{
    gateway::wire::Head,
    message::{Block, ToolUse},
    model::{ChatResponse, FinishReason, Usage},
};

/// The whole answer.
pub(super) fn message(head: &Head, answer: &ChatResponse) -> Value {
    let content: Vec<Value> = answer.message.content.iter().filter_map(block).collect();
    let mut message = opened(head);
    message["content"] = content.into();
    message["stop_reason"] = stop_reason(answer.finish).into();
    message["usage"] = usage(answer.usage);
    message
}

/// A message of which nothing has been said yet.
pub(super) fn opened(head: &Head) -> Value {
    json!({
        "id": head.id(),
        "type": "message",
        "role": "assistant",
        "model": head.model(),
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage(None),
    })
}

/// Nothing empty: clients send it back, and the protocol refuses it.
fn block(block: &Block) -> Option<Value> {
    match block {
        Block::Text { text } if !text.is_empty() => Some(json!({ "type": "text", "text": text })),
        Block::Thinking { thinking, signature } => Some(json!({
            "type": "thinking", "thinking": thinking, "signature": signature.as_deref().unwrap_or_default(),
        })),
        Block::ToolUse(call) => Some(tool_use(call)),
        _ => None,
    }
}

pub(super) fn tool_use(call: &ToolUse) -> Value {
    json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": call.input })
}

pub(super) fn stop_reason(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::Stop => "end_turn",
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter => "refusal",
    }
}

/// The protocol counts cached tokens apart from the input.
pub(super) fn usage(usage: Option<Usage>) -> Value {
    let usage = usage.unwrap_or_default();
    json!({
        "input_tokens": usage.input_tokens.saturating_sub(usage.cached_tokens),
        "output_tokens": usage.output_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
    })
}
