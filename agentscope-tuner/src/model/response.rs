//! What a model answers.

use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::Usage;
use crate::{error::Result, message::Msg};

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// The assistant's message: text, thinking, tool calls.
    pub message: Msg,
    /// Why it ends.
    pub finish: FinishReason,
    /// Tokens used; `None` when the provider did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Log-probabilities of the answer's tokens, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// Exact tokens, from models that report them (the embedded policy, vLLM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenTrace>,
    /// The model that answered, in the provider's words.
    #[serde(default)]
    pub model: String,
}

impl ChatResponse {
    /// An answer of plain text that ended by itself.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Msg::assistant(text))
    }

    /// An answer that ended by itself or, where it calls tools, for them.
    pub fn new(message: Msg) -> Self {
        let calls = message.tool_uses().next().is_some();
        let finish = if calls { FinishReason::ToolCalls } else { FinishReason::Stop };
        Self { message, finish, usage: None, logprobs: None, tokens: None, model: String::new() }
    }

    /// The same answer with its token counts.
    #[must_use]
    pub fn with_usage(mut self, input_tokens: u64, output_tokens: u64) -> Self {
        self.usage = Some(Usage { input_tokens, output_tokens, ..Usage::default() });
        self
    }
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The model was done, or met a stop text.
    Stop,
    /// It reached the most tokens allowed.
    Length,
    /// It waits for the results of tools.
    ToolCalls,
    /// The provider's filter cut it.
    ContentFilter,
}

impl FinishReason {
    /// As OpenAI's protocol and OpenTelemetry write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// One token of an answer with its log-probability (natural logarithm).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token as text.
    pub token: String,
    /// Its log-probability, at most 0.
    pub logprob: f64,
    /// The likeliest alternatives, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<(String, f64)>,
}

/// The exact tokens of a call, as the sampler saw them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenTrace {
    /// Ids of the rendered conversation.
    pub prompt_ids: Vec<u32>,
    /// Ids that were sampled.
    pub ids: Vec<u32>,
    /// Log-probability of each sampled id; as long as `ids`.
    pub logprobs: Vec<f32>,
}

/// A streamed answer: any number of pieces, then [`ChatEvent::Done`].
pub type ChatStream = BoxStream<'static, Result<ChatEvent>>;

/// A piece of a streamed answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChatEvent {
    /// More text.
    Text(String),
    /// More reasoning.
    Thinking(String),
    /// More of a tool call: its position in the answer, its name once known, more of its JSON arguments.
    ToolUse {
        /// Position among the calls of this answer, from 0.
        index: usize,
        /// Name of the tool, with the first piece.
        name: Option<String>,
        /// The next part of the arguments as JSON text.
        arguments: String,
    },
    /// The whole answer, put together.
    Done(Box<ChatResponse>),
}
