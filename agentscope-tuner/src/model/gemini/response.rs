//! The answer of `generateContent`, whole or as one of the chunks of a stream.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    message::{Block, Msg, Role, ToolUse},
    model::{ChatResponse, FinishReason, TokenLogprob, Usage, call_id},
};

/// `GenerateContentResponse`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Generated {
    pub(super) candidates: Vec<Candidate>,
    pub(super) prompt_feedback: Option<Feedback>,
    pub(super) usage_metadata: Option<WireUsage>,
    pub(super) model_version: String,
    pub(super) error: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate {
    pub(super) content: Content,
    pub(super) finish_reason: Option<String>,
    pub(super) logprobs_result: Option<Logprobs>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    pub(super) parts: Vec<Part>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Part {
    pub(super) text: Option<String>,
    pub(super) thought: bool,
    pub(super) thought_signature: Option<String>,
    pub(super) function_call: Option<Call>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) args: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Feedback {
    pub(super) block_reason: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireUsage {
    prompt_token_count: u64,
    tool_use_prompt_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
    cached_content_token_count: u64,
}

impl From<WireUsage> for Usage {
    /// Thoughts are counted apart from the answer by the API; here they are part of the output.
    fn from(usage: WireUsage) -> Self {
        Self {
            input_tokens: usage.prompt_token_count.saturating_add(usage.tool_use_prompt_token_count),
            output_tokens: usage.candidates_token_count.saturating_add(usage.thoughts_token_count),
            cached_tokens: usage.cached_content_token_count,
            reasoning_tokens: usage.thoughts_token_count,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Logprobs {
    chosen_candidates: Vec<Token>,
    top_candidates: Vec<Top>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Top {
    candidates: Vec<Token>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Token {
    token: String,
    log_probability: f64,
}

impl Logprobs {
    pub(super) fn into_tokens(self) -> impl Iterator<Item = TokenLogprob> {
        let tops =
            self.top_candidates.into_iter().map(|top| top.candidates).chain(std::iter::repeat_with(Vec::new));
        self.chosen_candidates.into_iter().zip(tops).map(|(token, top)| TokenLogprob {
            token: token.token,
            logprob: token.log_probability,
            top: top.into_iter().map(|each| (each.token, each.log_probability)).collect(),
        })
    }
}

/// The chunks of an answer so far; a whole answer is one chunk.
#[derive(Default)]
pub(super) struct Draft {
    content: Vec<Block>,
    /// Calls in the conversation up to here, for ids that the API leaves out.
    calls: usize,
    finish: Option<String>,
    usage: Option<WireUsage>,
    logprobs: Option<Vec<TokenLogprob>>,
    model: String,
}

impl Draft {
    /// An answer to a conversation with this many calls.
    pub(super) fn after(calls: usize) -> Self {
        Self { calls, ..Self::default() }
    }

    pub(super) fn take(&mut self, chunk: Generated) {
        self.usage = chunk.usage_metadata.or(self.usage);
        if !chunk.model_version.is_empty() {
            self.model = chunk.model_version;
        }
        let Some(candidate) = chunk.candidates.into_iter().next() else { return };
        self.finish = candidate.finish_reason.or(self.finish.take());
        if let Some(logprobs) = candidate.logprobs_result {
            self.logprobs.get_or_insert_default().extend(logprobs.into_tokens());
        }
        for part in candidate.content.parts {
            self.part(part);
        }
    }

    fn part(&mut self, part: Part) {
        let text = part.text.unwrap_or_default();
        if part.thought {
            return self.think(text, part.thought_signature);
        }
        if let Some(signature) = part.thought_signature {
            self.think(String::new(), Some(signature));
        }
        if let Some(call) = part.function_call {
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| call_id(self.calls));
            self.calls += 1;
            let input = call.args.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            self.content.push(Block::ToolUse(ToolUse { id, name: call.name, input }));
        } else if !text.is_empty() {
            match self.content.last_mut() {
                Some(Block::Text { text: open }) => open.push_str(&text),
                _ => self.content.push(Block::Text { text }),
            }
        }
    }

    /// A signature belongs to the part that follows, so it closes a thought.
    fn think(&mut self, text: String, own: Option<String>) {
        match self.content.last_mut() {
            Some(Block::Thinking { thinking, signature }) if signature.is_none() => {
                thinking.push_str(&text);
                *signature = own;
            }
            _ => self.content.push(Block::Thinking { thinking: text, signature: own }),
        }
    }

    /// Why the model stopped; an answer without it is cut.
    pub(super) fn stopped(&self) -> Option<&str> {
        self.finish.as_deref()
    }

    pub(super) fn into_response(self) -> ChatResponse {
        let message = Msg::new(Role::Assistant, self.content);
        let calls = message.tool_uses().next().is_some();
        let finish = match self.finish.as_deref() {
            Some("MAX_TOKENS") => FinishReason::Length,
            Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE") => {
                FinishReason::ContentFilter
            }
            _ if calls => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        let usage = self.usage.map(Usage::from);
        ChatResponse { message, finish, usage, logprobs: self.logprobs, tokens: None, model: self.model }
    }
}
