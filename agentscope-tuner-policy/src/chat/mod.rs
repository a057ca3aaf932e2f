//! Conversations to text, and replies back to text, reasoning and tool calls.
//!
//! ```
//! use agentscope_tuner_policy::chat::{BuiltIn, ChatTemplate, Conversation, Reply, ReplyFormat};
//! use serde_json::json;
//!
//! let template = ChatTemplate::new(BuiltIn::ChatMl.source())?;
//! let messages = [json!({ "role": "user", "content": "2 + 3?" })];
//! let conversation = Conversation { messages: &messages, add_generation_prompt: true, ..Conversation::default() };
//! assert_eq!(template.render(&conversation)?, "<|im_start|>user\n2 + 3?<|im_end|>\n<|im_start|>assistant\n");
//!
//! let written = "<think>\nEasy.\n</think>\n\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 2}}\n</tool_call>";
//! let reply = Reply::parse(ReplyFormat::Hermes, false, written);
//! assert_eq!((reply.reasoning.as_str(), reply.tool_calls[0].name.as_str()), ("Easy.", "add"));
//! # Ok::<(), agentscope_tuner_policy::Error>(())
//! ```

mod aliases;
mod builtin;
mod clock;
mod environment;
mod files;
mod generation;
mod json;
mod reply;
mod template;
#[cfg(test)]
mod tests;

pub use self::{
    builtin::BuiltIn,
    reply::{Reply, ReplyFormat, ReplyParser, ToolCall, opens_reasoning},
    template::{ChatTemplate, Conversation},
};
