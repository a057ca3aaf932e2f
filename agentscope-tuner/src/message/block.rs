//! Content blocks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Block {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Reasoning that the model shows apart from its answer.
    Thinking {
        /// The reasoning.
        thinking: String,
        /// What the provider wants back unchanged with the next turn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// A tool that the model calls.
    ToolUse(ToolUse),
    /// What a tool answered.
    ToolResult(ToolResult),
    /// A picture.
    Image {
        /// Where its data is.
        source: MediaSource,
    },
    /// A sound.
    Audio {
        /// Where its data is.
        source: MediaSource,
    },
    /// A film.
    Video {
        /// Where its data is.
        source: MediaSource,
    },
}

/// A call that the model asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// Links the call to its result; unique within a conversation.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Arguments. A model that wrote invalid JSON leaves its raw text here as a string.
    pub input: Value,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// [`ToolUse::id`] of the call.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// The answer: text, and media where the provider takes them.
    #[serde(with = "content")]
    pub output: Vec<Block>,
    /// Whether the call failed; the output then says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

/// Where the data of a media block is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSource {
    /// At an address that the provider can reach.
    Url {
        /// The address.
        url: String,
    },
    /// In the message itself.
    Base64 {
        /// Such as `image/png`.
        media_type: String,
        /// The bytes in standard base64.
        data: String,
    },
}

impl Block {
    /// A block of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A block of reasoning.
    pub fn thinking(thinking: impl Into<String>) -> Self {
        Self::Thinking { thinking: thinking.into(), signature: None }
    }

    /// The text of a text block.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            _ => None,
        }
    }
}

impl ToolResult {
    /// The answer of a call that succeeded.
    pub fn ok(call: &ToolUse, text: impl Into<String>) -> Self {
        let (id, name) = (call.id.clone(), call.name.clone());
        Self { id, name, output: vec![Block::text(text)], is_error: false }
    }

    /// The answer of a call that failed: the model sees `text` and may try again.
    pub fn error(call: &ToolUse, text: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::ok(call, text) }
    }

    /// All text of the answer, joined by line breaks.
    pub fn text(&self) -> String {
        self.output.iter().filter_map(Block::as_text).collect::<Vec<_>>().join("\n")
    }
}

/// Content is a string where it is one text block, else a list.
pub(super) mod content {
    use super::Block;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::message) fn serialize<S: Serializer>(blocks: &[Block], to: S) -> Result<S::Ok, S::Error> {
        match blocks {
            [Block::Text { text }] => to.serialize_str(text),
            _ => blocks.serialize(to),
        }
    }

    pub(in crate::message) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Block>, D::Error> {
        // Not an untagged enum over both: that would hide which block is wrong.
        let value = serde_json::Value::deserialize(from)?;
        match value {
            serde_json::Value::String(text) => Ok(vec![Block::Text { text }]),
            serde_json::Value::Null => Ok(Vec::new()),
            list @ serde_json::Value::Array(_) => Vec::deserialize(list).map_err(serde::de::Error::custom),
            _ => Err(serde::de::Error::custom("content is neither a string nor a list of blocks")),
        }
    }
}
