//! The answer of the Messages API, whole or in events.

use serde::Deserialize;
use serde_json::Value;

use super::content::REDACTED;
use crate::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatResponse, FinishReason, Usage},
};

/// A `message`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) model: String,
    pub(super) content: Option<Vec<Content>>,
    pub(super) stop_reason: Option<String>,
    pub(super) usage: Option<WireUsage>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content {
    Text {
        text: String,
    },
    Thinking {
        #[serde(default)]
        thinking: String,
        #[serde(default)]
        signature: Option<String>,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    /// Blocks of the provider's own tools.
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl WireUsage {
    /// These counts, with `later` where it has them: a stream gives them in two events.
    pub(super) fn updated(self, later: Self) -> Self {
        Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            output_tokens: later.output_tokens.or(self.output_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
        }
    }
}

impl From<WireUsage> for Usage {
    /// The API counts cached tokens apart from the input; here they are part of it.
    fn from(usage: WireUsage) -> Self {
        let cached = usage.cache_read_input_tokens.unwrap_or_default();
        let written = usage.cache_creation_input_tokens.unwrap_or_default();
        Self {
            input_tokens: usage
                .input_tokens
                .unwrap_or_default()
                .saturating_add(cached)
                .saturating_add(written),
            output_tokens: usage.output_tokens.unwrap_or_default(),
            cached_tokens: cached,
            reasoning_tokens: 0,
        }
    }
}

impl Message {
    /// The answer; a call of the tool named `answer_tool` is its text.
    pub(super) fn into_response(self, answer_tool: Option<&str>) -> ChatResponse {
        let content = self.content.unwrap_or_default();
        let content: Vec<_> = content.into_iter().filter_map(|part| part.into_block(answer_tool)).collect();
        let message = Msg::new(Role::Assistant, content);
        let calls = message.tool_uses().next().is_some();
        let finish = match self.stop_reason.as_deref() {
            Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
            Some("refusal") => FinishReason::ContentFilter,
            _ if calls => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        let usage = self.usage.map(Usage::from);
        ChatResponse { message, finish, usage, logprobs: None, tokens: None, model: self.model }
    }
}

impl Content {
    fn into_block(self, answer_tool: Option<&str>) -> Option<Block> {
        Some(match self {
            Self::Text { text } if text.is_empty() => return None,
            Self::Text { text } => Block::Text { text },
            Self::Thinking { thinking, signature } => Block::Thinking { thinking, signature },
            Self::RedactedThinking { data } => {
                Block::Thinking { thinking: String::new(), signature: Some(format!("{REDACTED}{data}")) }
            }
            Self::ToolUse { name, input, .. } if Some(&*name) == answer_tool => {
                Block::text(input.to_string())
            }
            Self::ToolUse { id, name, input } => Block::ToolUse(ToolUse { id, name, input }),
            Self::Other => return None,
        })
    }
}
