//! Messages: what agents, models and judges exchange.

mod block;

pub use block::{Block, MediaSource, ToolResult, ToolUse};

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions that stand above the conversation.
    System,
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
    /// Results of the tools that the assistant called.
    Tool,
}

/// One message: a role, an optional name of the speaker, and content blocks in order.
///
/// In JSON the content is a string where it is one text block, else a list of blocks; both are read.
///
/// ```
/// use agentscope_tuner::message::Msg;
/// let msg: Msg = serde_json::from_str(r#"{"role": "user", "content": "2 + 2?"}"#)?;
/// assert_eq!(msg, Msg::user("2 + 2?"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Msg {
    /// Who speaks.
    pub role: Role,
    /// Name of the speaker where several share a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is said.
    #[serde(with = "block::content")]
    pub content: Vec<Block>,
}

impl Msg {
    /// A message of `role` with the given blocks.
    pub fn new(role: Role, content: Vec<Block>) -> Self {
        Self { role, name: None, content }
    }

    /// A system message of plain text.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, vec![Block::text(text)])
    }

    /// A user message of plain text.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, vec![Block::text(text)])
    }

    /// An assistant message of plain text.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, vec![Block::text(text)])
    }

    /// The results of tool calls.
    pub fn tool(results: impl IntoIterator<Item = ToolResult>) -> Self {
        Self::new(Role::Tool, results.into_iter().map(Block::ToolResult).collect())
    }

    /// The same message spoken under `name`.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// All text blocks, joined by line breaks. Thinking, media and tools are left out.
    pub fn text(&self) -> String {
        let mut texts = self.content.iter().filter_map(Block::as_text);
        let first = texts.next().unwrap_or_default().to_owned();
        texts.fold(first, |all, text| all + "\n" + text)
    }

    /// The tool calls that this message asks for, in order.
    pub fn tool_uses(&self) -> impl Iterator<Item = &ToolUse> {
        self.content.iter().filter_map(|block| match block {
            Block::ToolUse(call) => Some(call),
            _ => None,
        })
    }

    /// The tool results that this message carries, in order.
    pub fn tool_results(&self) -> impl Iterator<Item = &ToolResult> {
        self.content.iter().filter_map(|block| match block {
            Block::ToolResult(result) => Some(result),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_single_text_is_written_as_a_string() {
        let msg = Msg::user("hi").named("Ada");
        let written = serde_json::to_value(&msg).unwrap();
        assert_eq!(written, json!({"role": "user", "name": "Ada", "content": "hi"}));
        assert_eq!(serde_json::from_value::<Msg>(written).unwrap(), msg);
    }

    #[test]
    fn blocks_survive_json() {
        let call = ToolUse { id: "c1".into(), name: "add".into(), input: json!({"a": 1}) };
        let msg = Msg::new(
            Role::Assistant,
            vec![
                Block::thinking("carry the one"),
                Block::text("let me add"),
                Block::ToolUse(call),
                Block::Image { source: MediaSource::Url { url: "http://127.0.0.1/a.png".into() } },
            ],
        );
        let written = serde_json::to_string(&msg).unwrap();
        assert_eq!(serde_json::from_str::<Msg>(&written).unwrap(), msg);
        assert_eq!(msg.text(), "let me add");
        assert_eq!(msg.tool_uses().count(), 1);
    }

    #[test]
    fn an_unknown_block_is_an_error_that_names_the_known_ones() {
        let error = serde_json::from_value::<Msg>(json!({"role": "user", "content": [{"type": "smell"}]}))
            .unwrap_err();
        assert!(error.to_string().contains("tool_result"), "{error}");
    }
}
