//! Messages as chat completions write them.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap, ser::SerializeSeq};
use serde_json::Value;

use crate::message::{Block, MediaSource, Msg, Role, ToolResult, ToolUse};
use crate::model::json::{AsText, Object};

/// A conversation. One message may become several: each tool result is a message of its own here.
pub(super) struct Messages<'a> {
    pub(super) messages: &'a [Msg],
    /// A system message that the endpoint needs beside the user's.
    pub(super) preface: Option<&'a str>,
    /// Whether reasoning that led to tool calls is sent back, as DeepSeek demands.
    pub(super) echo_reasoning: bool,
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(None)?;
        if let Some(text) = self.preface {
            list.serialize_element(&Object([("role", "system"), ("content", text)]))?;
        }
        // Tool messages must follow their call without a gap, so what tools show waits for the last of them.
        let mut shown: Vec<&Block> = Vec::new();
        for msg in self.messages {
            let has_results = msg.tool_results().next().is_some();
            if !has_results {
                flush(&mut shown, &mut list)?;
            }
            for result in msg.tool_results() {
                list.serialize_element(&ToolMessage(result))?;
                shown.extend(result.output.iter().filter(|block| is_media(block)));
            }
            let rest = Spoken { msg, echo_reasoning: self.echo_reasoning };
            if !has_results || rest.parts().next().is_some() {
                flush(&mut shown, &mut list)?;
                list.serialize_element(&rest)?;
            }
        }
        flush(&mut shown, &mut list)?;
        list.end()
    }
}

fn flush<L: SerializeSeq>(shown: &mut Vec<&Block>, list: &mut L) -> Result<(), L::Error> {
    if shown.is_empty() {
        return Ok(());
    }
    list.serialize_element(&ShownByTools(shown))?;
    shown.clear();
    Ok(())
}

struct ShownByTools<'a>(&'a [&'a Block]);

impl Serialize for ShownByTools<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("role", "user")?;
        map.serialize_entry("content", &self.0.iter().map(|block| Part(block)).collect::<Vec<_>>())?;
        map.end()
    }
}

struct ToolMessage<'a>(&'a ToolResult);

impl Serialize for ToolMessage<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(3))?;
        map.serialize_entry("role", "tool")?;
        map.serialize_entry("tool_call_id", &self.0.id)?;
        map.serialize_entry("content", &AsText(Lines(&self.0.output)))?;
        map.end()
    }
}

/// All of a message but its tool results.
struct Spoken<'a> {
    msg: &'a Msg,
    echo_reasoning: bool,
}

impl<'a> Spoken<'a> {
    /// What goes into the content: text and media.
    fn parts(&self) -> impl Iterator<Item = &'a Block> + use<'a> {
        self.msg.content.iter().filter(|block| is_media(block) || block.as_text().is_some())
    }

    fn content<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let calls = self.msg.tool_uses().next().is_some();
        if self.parts().any(is_media) {
            map.serialize_entry("content", &self.parts().map(Part).collect::<Vec<_>>())
        } else if calls && self.parts().next().is_none() {
            map.serialize_entry("content", &None::<&str>)
        } else {
            map.serialize_entry("content", &AsText(Lines(&self.msg.content)))
        }
    }
}

impl Serialize for Spoken<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        let role = match self.msg.role {
            Role::System => "system",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        map.serialize_entry("role", role)?;
        if let Some(name) = &self.msg.name {
            map.serialize_entry("name", name)?;
        }
        self.content(&mut map)?;
        let calls: Vec<_> = self.msg.tool_uses().map(Call).collect();
        if !calls.is_empty() {
            if self.echo_reasoning {
                map.serialize_entry("reasoning_content", &AsText(Thoughts(&self.msg.content)))?;
            }
            map.serialize_entry("tool_calls", &calls)?;
        }
        map.end()
    }
}

struct Call<'a>(&'a ToolUse);

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Function<'a> {
            name: &'a str,
            arguments: AsText<Arguments<'a>>,
        }
        let Self(ToolUse { id, name, input }) = self;
        let mut map = to.serialize_map(Some(3))?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("type", "function")?;
        map.serialize_entry("function", &Function { name, arguments: AsText(Arguments(input)) })?;
        map.end()
    }
}

/// Arguments as JSON text; what the model wrote wrongly goes back as it was.
struct Arguments<'a>(&'a Value);

impl fmt::Display for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(raw) => f.write_str(raw),
            value => value.fmt(f),
        }
    }
}

/// The text blocks, joined by line breaks, as [`Msg::text`] joins them.
struct Lines<'a>(&'a [Block]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(self.0.iter().filter_map(Block::as_text), f)
    }
}

struct Thoughts<'a>(&'a [Block]);

impl fmt::Display for Thoughts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thoughts = self.0.iter().filter_map(|block| match block {
            Block::Thinking { thinking, .. } => Some(&**thinking),
            _ => None,
        });
        joined(thoughts, f)
    }
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (n, text) in texts.enumerate() {
        if n > 0 {
            f.write_str("\n")?;
        }
        f.write_str(text)?;
    }
    Ok(())
}

fn is_media(block: &Block) -> bool {
    matches!(block, Block::Image { .. } | Block::Audio { .. } | Block::Video { .. })
}

/// One element of a content list.
struct Part<'a>(&'a Block);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        match self.0 {
            Block::Image { source } => {
                typed(&mut map, "image_url", &Object([("url", AsText(Address(source)))]))?
            }
            Block::Video { source } => {
                typed(&mut map, "video_url", &Object([("url", AsText(Address(source)))]))?
            }
            Block::Audio { source } => typed(&mut map, "input_audio", &Sound::of(source))?,
            text => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text.as_text().unwrap_or_default())?;
            }
        }
        map.end()
    }
}

fn typed<M: SerializeMap>(map: &mut M, kind: &'static str, value: &impl Serialize) -> Result<(), M::Error> {
    map.serialize_entry("type", kind)?;
    map.serialize_entry(kind, value)
}

/// A URL, a `data:` one for bytes.
struct Address<'a>(&'a MediaSource);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MediaSource::Url { url } => f.write_str(url),
            MediaSource::Base64 { media_type, data } => write!(f, "data:{media_type};base64,{data}"),
        }
    }
}

#[derive(Serialize)]
struct Sound<'a> {
    data: &'a str,
    format: &'a str,
}

impl<'a> Sound<'a> {
    /// OpenAI takes bytes only; DashScope takes an address in the same field.
    fn of(source: &'a MediaSource) -> Self {
        match source {
            MediaSource::Url { url } => {
                Self { data: url, format: url.rsplit('.').next().unwrap_or_default() }
            }
            MediaSource::Base64 { media_type, data } => {
                let format = media_type.rsplit('/').next().unwrap_or_default();
                // The field names codecs, not media types.
                let format = match format {
                    "mpeg" => "mp3",
                    "x-wav" | "wave" => "wav",
                    same => same,
                };
                Self { data, format }
            }
        }
    }
}
