//! Messages as Anthropic writes them.

use serde::{Serialize, Serializer, ser::Error as _, ser::SerializeMap as _};
use serde_json::Value;

use crate::{
    message::{Block, Msg, Role, ToolResult, ToolUse},
    model::json::Object,
};

/// Marks a signature that is the data of a `redacted_thinking` block.
pub(super) const REDACTED: &str = "redacted:";

/// The text of the system messages, which stand apart here.
pub(super) fn system(messages: &[Msg]) -> String {
    let texts = messages.iter().filter(|msg| msg.role == Role::System).map(Msg::text);
    texts.collect::<Vec<_>>().join("\n\n")
}

/// The turns: messages of one side in a row are one turn.
pub(super) fn turns(messages: &[Msg]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for msg in messages.iter().filter(|msg| msg.role != Role::System) {
        let role = if msg.role == Role::Assistant { "assistant" } else { "user" };
        let content = msg.content.iter().filter(|block| is_sent(block)).map(Wire);
        match turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(content),
            _ => turns.push(Turn { role, content: content.collect() }),
        }
    }
    turns.retain(|turn| !turn.content.is_empty());
    turns
}

/// Empty texts and unsigned thoughts are refused.
fn is_sent(block: &Block) -> bool {
    match block {
        Block::Text { text } => !text.is_empty(),
        Block::Thinking { signature, .. } => signature.is_some(),
        _ => true,
    }
}

#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Wire<'a>>,
}

struct Wire<'a>(&'a Block);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self.0 {
            Block::Text { text } => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text)?;
            }
            Block::Thinking { thinking, signature } => {
                let signature = signature.as_deref().unwrap_or_default();
                if let Some(data) = signature.strip_prefix(REDACTED) {
                    map.serialize_entry("type", "redacted_thinking")?;
                    map.serialize_entry("data", data)?;
                } else {
                    map.serialize_entry("type", "thinking")?;
                    map.serialize_entry("thinking", thinking)?;
                    map.serialize_entry("signature", signature)?;
                }
            }
            Block::Image { source } => {
                map.serialize_entry("type", "image")?;
                // The fields of ours have the names of theirs.
                map.serialize_entry("source", source)?;
            }
            Block::ToolUse(ToolUse { id, name, input }) => {
                map.serialize_entry("type", "tool_use")?;
                map.serialize_entry("id", id)?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("input", &Input(input))?;
            }
            Block::ToolResult(ToolResult { id, output, is_error, .. }) => {
                map.serialize_entry("type", "tool_result")?;
                map.serialize_entry("tool_use_id", id)?;
                map.serialize_entry("content", &output.iter().map(Wire).collect::<Vec<_>>())?;
                if *is_error {
                    map.serialize_entry("is_error", is_error)?;
                }
            }
            Block::Audio { .. } | Block::Video { .. } => {
                return Err(S::Error::custom(
                    "Anthropic's models take no audio or video: send text or pictures",
                ));
            }
        }
        map.end()
    }
}

/// Arguments have to be an object here, also those that were no JSON.
struct Input<'a>(&'a Value);

impl Serialize for Input<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            object @ Value::Object(_) => object.serialize(to),
            other => Object([("INVALID_JSON", other)]).serialize(to),
        }
    }
}
