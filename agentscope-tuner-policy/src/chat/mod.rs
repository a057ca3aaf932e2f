//! Conversations to text, and replies back to text, reasoning and tool calls.

mod aliases;
mod builtin;
mod clock;
mod environment;
mod files;
mod generation;
mod json;
pub mod reply;
mod template;
#[cfg(test)]
mod tests;

pub use self::{
    builtin::BuiltIn,
    reply::{Reply, ReplyFormat, ReplyParser, ToolCall},
    template::{ChatTemplate, Conversation},
};
