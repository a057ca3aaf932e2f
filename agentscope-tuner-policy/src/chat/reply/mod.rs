//! What a model wrote, taken apart: text, reasoning, tool calls.

mod call;
mod parser;
mod tags;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use self::parser::ReplyParser;
use crate::tokenizer::Tokenizer;

/// How a model writes tool calls. All may reason in `<think>` tags first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplyFormat {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, any number, after or between text: Hermes, Qwen.
    #[default]
    Hermes,
    /// The whole reply is `{"name": …, "parameters": {…}}`, perhaps after `<|python_tag|>`, or several such objects
    /// separated by semicolons: Llama 3.
    Llama3,
    /// `[TOOL_CALLS] [{"name": …, "arguments": {…}, "id": …}, …]` to the end: Mistral.
    Mistral,
}

/// A call of a tool, as the model wrote it; whether there is such a tool is not checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The identifier that the model gave; only Mistral's do.
    pub id: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// Arguments by name.
    pub arguments: Map<String, Value>,
}

/// A reply, or the part of one that a [`ReplyParser`] could tell apart so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What is said to the user, without white space next to tags.
    pub text: String,
    /// What was thought before.
    pub reasoning: String,
    /// Calls in the order in which they were written.
    pub tool_calls: Vec<ToolCall>,
}

impl Reply {
    /// Takes a whole reply apart. A call that is malformed stays text.
    ///
    /// `text` spells out the special tokens that the format uses (`[TOOL_CALLS]`, `<|python_tag|>`), without the end
    /// token. `in_reasoning` says that the prompt already [opened](opens_reasoning) the reasoning.
    pub fn parse(format: ReplyFormat, in_reasoning: bool, text: &str) -> Self {
        let mut parser = ReplyParser::new(format, in_reasoning);
        let mut reply = parser.push(text);
        reply.extend(parser.finish());
        reply
    }

    /// Appends the next part.
    pub fn extend(&mut self, next: Self) {
        self.text.push_str(&next.text);
        self.reasoning.push_str(&next.reasoning);
        self.tool_calls.extend(next.tool_calls);
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_empty() && self.tool_calls.is_empty()
    }
}

impl ReplyFormat {
    /// The format that the special tokens of a vocabulary belong to.
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let has = |token: &str| tokenizer.id(token).is_some();
        if has("[TOOL_CALLS]") {
            Self::Mistral
        } else if has("<|start_header_id|>") && !has("<tool_call>") {
            Self::Llama3
        } else {
            Self::Hermes
        }
    }
}

/// Whether a rendered prompt ends within reasoning, so that the reply begins there without a tag.
pub fn opens_reasoning(prompt: &str) -> bool {
    prompt.trim_end().ends_with(tags::THINK)
}
