//! What a streamed and an unstreamed answer have in common before they are a [`ChatResponse`].

use serde_json::Value;

use crate::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatResponse, FinishReason, TokenLogprob, TokenTrace, Usage, call_id},
};

/// The contents of an answer in the provider's words.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) refusal: String,
    pub(crate) calls: Vec<RawCall>,
    pub(crate) finish: Option<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) logprobs: Option<Vec<TokenLogprob>>,
    pub(crate) prompt_ids: Option<Vec<u32>>,
    pub(crate) ids: Option<Vec<u32>>,
}

/// A tool call with its arguments as text.
#[derive(Default)]
pub(crate) struct RawCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Parts {
    /// The answer they make. Calls without an id get one with a number from `next_call` on.
    pub(crate) fn into_response(self, next_call: usize) -> ChatResponse {
        let finish = self.finish_reason();
        let mut content = Vec::with_capacity(1 + self.calls.len());
        if !self.thinking.is_empty() {
            content.push(Block::thinking(self.thinking));
        }
        // A refusal takes the place of the text; its finish reason tells them apart.
        let text = if self.text.is_empty() { self.refusal } else { self.text };
        if !text.is_empty() {
            content.push(Block::Text { text });
        }
        let calls = (next_call..).zip(self.calls);
        content.extend(calls.map(|(index, call)| Block::ToolUse(call.into_tool_use(index))));
        let tokens = trace(self.prompt_ids, self.ids, self.logprobs.as_deref());
        let message = Msg::new(Role::Assistant, content);
        ChatResponse {
            message,
            finish,
            usage: self.usage,
            logprobs: self.logprobs,
            tokens,
            model: self.model,
        }
    }

    fn finish_reason(&self) -> FinishReason {
        match self.finish.as_deref() {
            Some("length") => FinishReason::Length,
            Some("content_filter") => FinishReason::ContentFilter,
            _ if !self.refusal.is_empty() => FinishReason::ContentFilter,
            // Some endpoints say `stop` after a call that was demanded.
            _ if !self.calls.is_empty() => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        }
    }
}

impl RawCall {
    fn into_tool_use(self, index: usize) -> ToolUse {
        // Some endpoints send no id; the result must be linked to its call all the same.
        let id = if self.id.is_empty() { call_id(index) } else { self.id };
        ToolUse { id, name: self.name, input: arguments(self.arguments) }
    }
}

/// Arguments as a value; text that is no JSON, or only a JSON string, stays the text it is.
fn arguments(text: String) -> Value {
    if text.trim().is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    match serde_json::from_str(&text) {
        Ok(Value::String(_)) | Err(_) => Value::String(text),
        Ok(value) => value,
    }
}

/// The exact tokens, where the endpoint sent a log-probability for each.
fn trace(
    prompt_ids: Option<Vec<u32>>,
    ids: Option<Vec<u32>>,
    logprobs: Option<&[TokenLogprob]>,
) -> Option<TokenTrace> {
    let (prompt_ids, ids, logprobs) = (prompt_ids?, ids?, logprobs?);
    #[expect(clippy::cast_possible_truncation, reason = "samplers compute log-probabilities as f32")]
    let logprobs: Vec<f32> = logprobs.iter().map(|token| token.logprob as f32).collect();
    (ids.len() == logprobs.len()).then_some(TokenTrace { prompt_ids, ids, logprobs })
}
