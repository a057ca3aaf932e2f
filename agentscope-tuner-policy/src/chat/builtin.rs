//! Templates for checkpoints that bring none.

use crate::tokenizer::Tokenizer;

/// The conventions of the families, written for this program; what they render is tested to be what the families' own
/// templates render.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuiltIn {
    /// `<|im_start|>role … <|im_end|>` with Hermes' tool calls, as Qwen2.5 has it, but no system message of its own.
    ChatMl,
    /// ChatML with reasoning in `<think>` tags; `enable_thinking = false` has the model skip it.
    Qwen3,
    /// Llama 3.1 and 3.2: headers of roles, one tool call a message, as bare JSON.
    Llama3,
    /// Mistral 7B v0.3: `[INST] … [/INST]`, `[TOOL_CALLS] [ … ]`; the ids of tool calls have 9 characters.
    Mistral,
}

impl BuiltIn {
    /// The convention that the special tokens of a vocabulary belong to.
    pub fn of(tokenizer: &Tokenizer) -> Option<Self> {
        let has = |token: &str| tokenizer.id(token).is_some();
        if has("<|im_start|>") {
            return Some(if has("<think>") && has("<tool_response>") { Self::Qwen3 } else { Self::ChatMl });
        }
        if has("<|start_header_id|>") {
            return Some(Self::Llama3);
        }
        has("[INST]").then_some(Self::Mistral)
    }

    /// The template's text.
    pub fn source(self) -> &'static str {
        match self {
            Self::ChatMl => include_str!("templates/chatml.jinja"),
            Self::Qwen3 => concat!("{%- set reasons = true -%}", include_str!("templates/chatml.jinja")),
            Self::Llama3 => include_str!("templates/llama3.jinja"),
            Self::Mistral => include_str!("templates/mistral.jinja"),
        }
    }
}
