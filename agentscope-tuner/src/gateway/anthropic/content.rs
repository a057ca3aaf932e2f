//! The conversation of a request.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::message::{Block, MediaSource, Msg, Role, ToolResult, ToolUse};

/// The instructions, which stand apart in this protocol.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum System {
    Text(String),
    Parts(Vec<SystemPart>),
}

#[derive(Deserialize)]
pub(super) struct SystemPart {
    text: String,
}

/// What one side says.
#[derive(Deserialize)]
pub(super) struct Turn {
    role: Side,
    content: Content,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    User,
    Assistant,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text {
        text: String,
    },
    Image {
        source: MediaSource,
    },
    Thinking {
        thinking: String,
        #[serde(default)]
        signature: String,
    },
    /// Readable to its provider alone.
    RedactedThinking {},
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
    ToolResult {
        tool_use_id: String,
        content: Option<Content>,
        #[serde(default)]
        is_error: bool,
    },
}

/// The messages; results of tools get the names of the calls that they answer.
pub(super) fn messages(system: Option<System>, turns: Vec<Turn>) -> Result<Vec<Msg>, String> {
    if turns.is_empty() {
        return Err("messages is empty".into());
    }
    let mut names = HashMap::new();
    let mut read: Vec<Msg> = system.into_iter().map(System::into_msg).collect();
    for (index, turn) in turns.into_iter().enumerate() {
        turn.read(&mut read, &mut names).map_err(|fault| format!("messages[{index}]: {fault}"))?;
    }
    Ok(read)
}

impl System {
    fn into_msg(self) -> Msg {
        match self {
            Self::Text(text) => Msg::system(text),
            Self::Parts(parts) => {
                Msg::new(Role::System, parts.into_iter().map(|part| Block::text(part.text)).collect())
            }
        }
    }
}

impl Turn {
    /// A turn of the user's may hold results of tools, which are messages of their own here.
    fn read(self, read: &mut Vec<Msg>, names: &mut HashMap<String, String>) -> Result<(), String> {
        let mut results = Vec::new();
        let mut blocks = Vec::new();
        for part in self.content.into_parts() {
            match part {
                Part::ToolResult { tool_use_id: id, content, is_error } => {
                    let known = names.get(&id).cloned();
                    let name = known.ok_or_else(|| format!("no earlier message calls a tool as `{id}`"))?;
                    let parts = content.map(Content::into_parts).unwrap_or_default();
                    let output = parts.into_iter().filter_map(|part| part.into_block(names)).collect();
                    results.push(ToolResult { id, name, output, is_error });
                }
                part => blocks.extend(part.into_block(names)),
            }
        }
        let spoken = results.is_empty() || !blocks.is_empty();
        if !results.is_empty() {
            read.push(Msg::tool(results));
        }
        if spoken {
            let role = match self.role {
                Side::User => Role::User,
                Side::Assistant => Role::Assistant,
            };
            read.push(Msg::new(role, blocks));
        }
        Ok(())
    }
}

impl Content {
    fn into_parts(self) -> Vec<Part> {
        match self {
            Self::Text(text) => vec![Part::Text { text }],
            Self::Parts(parts) => parts,
        }
    }
}

impl Part {
    fn into_block(self, names: &mut HashMap<String, String>) -> Option<Block> {
        Some(match self {
            Self::Text { text } => Block::text(text),
            Self::Image { source } => Block::Image { source },
            Self::Thinking { thinking, signature } => {
                Block::Thinking { thinking, signature: Some(signature).filter(|text| !text.is_empty()) }
            }
            Self::ToolUse { id, name, input } => {
                names.insert(id.clone(), name.clone());
                Block::ToolUse(ToolUse { id, name, input })
            }
            Self::RedactedThinking {} | Self::ToolResult { .. } => return None,
        })
    }
}
