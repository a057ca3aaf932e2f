//! A streamed answer, chunk by chunk.

use serde_json::{Value, json};

use super::{Asked, Head, call, log_probs, usage};
use crate::model::{ChatEvent, ChatResponse};

/// Writes the chunks of one answer.
pub(in crate::gateway) struct Chunks {
    head: Head,
    with_usage: bool,
    with_ids: bool,
}

impl Chunks {
    pub(in crate::gateway) fn new(head: Head, asked: &Asked) -> Self {
        Self { head, with_usage: asked.include_usage, with_ids: asked.return_token_ids }
    }

    /// The chunk that says who speaks.
    pub(in crate::gateway) fn opening(&self) -> Value {
        self.chunk(json!({ "role": "assistant", "content": "" }), Value::Null)
    }

    /// The chunks of one event. Tool calls are told with the end, when their identifiers are known; so are exact tokens
    /// and their log-probabilities.
    pub(in crate::gateway) fn written(&self, event: ChatEvent) -> Vec<Value> {
        match event {
            ChatEvent::Text(text) => vec![self.chunk(json!({ "content": text }), Value::Null)],
            ChatEvent::Thinking(text) => vec![self.chunk(json!({ "reasoning_content": text }), Value::Null)],
            ChatEvent::ToolUse { .. } => Vec::new(),
            ChatEvent::Done(response) => self.ending(&response),
        }
    }

    fn ending(&self, response: &ChatResponse) -> Vec<Value> {
        let calls = response.message.tool_uses().zip(0..).map(|(use_, index): (_, usize)| {
            let mut written = call(use_);
            written["index"] = index.into();
            self.chunk(json!({ "tool_calls": [written] }), Value::Null)
        });
        let mut chunks: Vec<Value> = calls.collect();
        let mut last = self.chunk(json!({}), response.finish.as_str().into());
        last["choices"][0]["logprobs"] = log_probs(response.logprobs.as_deref());
        if let Some(tokens) = response.tokens.as_ref().filter(|_| self.with_ids) {
            last["prompt_token_ids"] = json!(tokens.prompt_ids);
            last["choices"][0]["token_ids"] = json!(tokens.ids);
        }
        chunks.push(last);
        if let Some(used) = response.usage.as_ref().filter(|_| self.with_usage) {
            let mut object = self.head.object("chat.completion.chunk", Vec::new());
            object["usage"] = usage(used);
            chunks.push(object);
        }
        chunks
    }

    fn chunk(&self, delta: Value, finish: Value) -> Value {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish, "logprobs": null });
        self.head.object("chat.completion.chunk", vec![choice])
    }
}
