//! The conversation of a request.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::message::{Block, MediaSource, Msg, Role, ToolResult, ToolUse};

#[derive(Deserialize)]
pub(super) struct WireMessage {
    role: WireRole,
    #[serde(default)]
    content: Option<Content>,
    name: Option<String>,
    reasoning_content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
    tool_call_id: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireRole {
    #[serde(alias = "developer")]
    System,
    User,
    Assistant,
    Tool,
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
    Text { text: String },
    Refusal { refusal: String },
    ImageUrl { image_url: Address },
}

#[derive(Deserialize)]
struct Address {
    url: String,
}

#[derive(Deserialize)]
struct WireCall {
    id: String,
    function: WireFunction,
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    arguments: String,
}

/// The messages; results of tools get the names of the calls that they answer.
pub(super) fn messages(wire: Vec<WireMessage>) -> Result<Vec<Msg>, String> {
    let mut names: HashMap<String, String> = HashMap::new();
    let mut read = Vec::with_capacity(wire.len());
    for (index, message) in wire.into_iter().enumerate() {
        for call in message.tool_calls.iter().flatten() {
            names.insert(call.id.clone(), call.function.name.clone());
        }
        read.push(message.into_msg(&names).map_err(|fault| format!("messages[{index}]: {fault}"))?);
    }
    if read.is_empty() { Err("messages is empty".into()) } else { Ok(read) }
}

impl WireMessage {
    fn into_msg(self, names: &HashMap<String, String>) -> Result<Msg, String> {
        let mut blocks: Vec<Block> = self.reasoning_content.map(Block::thinking).into_iter().collect();
        match self.content {
            Some(Content::Text(text)) => blocks.push(Block::text(text)),
            Some(Content::Parts(parts)) => blocks.extend(parts.into_iter().map(Block::from)),
            None => {}
        }
        let role = match self.role {
            WireRole::System => Role::System,
            WireRole::User => Role::User,
            WireRole::Assistant => Role::Assistant,
            WireRole::Tool => {
                let id = self.tool_call_id.ok_or("tool_call_id is missing")?;
                let name = self.name.or_else(|| names.get(&id).cloned());
                let name = name.ok_or_else(|| format!("no earlier message calls a tool as `{id}`"))?;
                return Ok(Msg::tool([ToolResult { id, name, output: blocks, is_error: false }]));
            }
        };
        let calls = self.tool_calls.into_iter().flatten().map(|call| {
            let WireFunction { name, arguments } = call.function;
            let input = serde_json::from_str(&arguments).unwrap_or(Value::String(arguments));
            Block::ToolUse(ToolUse { id: call.id, name, input })
        });
        blocks.extend(calls);
        Ok(Msg { role, name: self.name, content: blocks })
    }
}

impl From<Part> for Block {
    fn from(part: Part) -> Self {
        match part {
            Part::Text { text } | Part::Refusal { refusal: text } => Self::text(text),
            Part::ImageUrl { image_url: Address { url } } => Self::Image { source: source(url) },
        }
    }
}

/// `data:image/png;base64,…` holds the picture itself.
fn source(url: String) -> MediaSource {
    let held = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match held {
        Some((media_type, data)) => {
            MediaSource::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
        }
        None => MediaSource::Url { url },
    }
}
