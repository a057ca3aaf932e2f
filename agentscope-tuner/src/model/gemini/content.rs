//! Messages as Gemini writes them.

use serde::{Serialize, Serializer, ser::Error as _, ser::SerializeMap as _};
use serde_json::{Value, json};

use crate::{
    message::{Block, MediaSource, Msg, Role, ToolResult, ToolUse},
    model::json::Object,
};

/// The text of the system messages, which stand apart here.
pub(super) fn system(messages: &[Msg]) -> String {
    let texts = messages.iter().filter(|msg| msg.role == Role::System).map(Msg::text);
    texts.collect::<Vec<_>>().join("\n\n")
}

/// The turns: messages of one side in a row are one turn.
pub(super) fn turns(messages: &[Msg]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for msg in messages.iter().filter(|msg| msg.role != Role::System) {
        let role = if msg.role == Role::Assistant { "model" } else { "user" };
        let parts = parts(&msg.content);
        match turns.last_mut() {
            Some(turn) if turn.role == role => turn.parts.extend(parts),
            _ => turns.push(Turn { role, parts }),
        }
    }
    turns.retain(|turn| !turn.parts.is_empty());
    turns
}

/// The blocks that are sent. A thought stays here, but its signature goes back with the part that follows it.
fn parts(content: &[Block]) -> Vec<Part<'_>> {
    let mut signature = None;
    let mut parts = Vec::with_capacity(content.len());
    for block in content {
        match block {
            Block::Thinking { signature: own, .. } => signature = own.as_deref(),
            Block::Text { text } if text.is_empty() => {}
            Block::ToolResult(result) => {
                parts.push(Part { block, signature: None });
                let shown = result.output.iter().filter(|block| block.as_text().is_none());
                parts.extend(shown.map(|block| Part { block, signature: None }));
            }
            block => parts.push(Part { block, signature: signature.take() }),
        }
    }
    parts
}

#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    block: &'a Block,
    signature: Option<&'a str>,
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self.block {
            Block::Text { text } => map.serialize_entry("text", text)?,
            Block::ToolUse(ToolUse { id, name, input }) => {
                map.serialize_entry(
                    "functionCall",
                    &json!({"id": id, "name": name, "args": arguments(input)}),
                )?;
            }
            Block::ToolResult(result) => map.serialize_entry("functionResponse", &answered(result))?,
            Block::Image { source } | Block::Audio { source } | Block::Video { source } => match source {
                MediaSource::Base64 { media_type, data } => {
                    map.serialize_entry("inlineData", &Object([("mimeType", media_type), ("data", data)]))?;
                }
                MediaSource::Url { url } => map.serialize_entry("fileData", &Object([("fileUri", url)]))?,
            },
            Block::Thinking { .. } => return Err(S::Error::custom("a thought is no part of its own")),
        }
        if let Some(signature) = self.signature {
            map.serialize_entry("thoughtSignature", signature)?;
        }
        map.end()
    }
}

/// Arguments have to be an object here, also those that were no JSON.
fn arguments(input: &Value) -> Value {
    if input.is_object() { input.clone() } else { json!({"invalid": input}) }
}

fn answered(result: &ToolResult) -> Value {
    let field = if result.is_error { "error" } else { "output" };
    json!({"id": result.id, "name": result.name, "response": {field: result.text()}})
}
