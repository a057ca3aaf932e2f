//! An answer of rig as an answer of this crate.

use std::collections::HashMap;

use rig_core::{
    completion::{AssistantContent, CompletionResponse, FinishReason as RigFinish, Usage as RigUsage},
    message::{DocumentSourceKind, Image, MimeType as _},
    streaming::{Part, PartKind, StreamEvent},
};
use serde_json::Value;

use crate::{
    error::{ModelFailure, Result},
    message::{Block, MediaSource, Msg, Role, ToolUse},
    model::{ChatEvent, ChatResponse, FinishReason, Usage, http::Site},
};

/// `answered` in this crate's form.
pub(super) fn response(answered: CompletionResponse, site: &Site) -> Result<ChatResponse> {
    if let Some(said) = &answered.error {
        return Err(site.error(ModelFailure::Refused, format!("the provider ended the answer: {said}")));
    }
    let blocks = answered.choice.iter().filter_map(block).collect();
    let mut response = ChatResponse::new(Msg::new(Role::Assistant, blocks));
    response.finish = match answered.finish_reason() {
        Some(RigFinish::Length) => FinishReason::Length,
        Some(RigFinish::ContentFilter) => FinishReason::ContentFilter,
        // The rest says no more than whether tools are called, which the message says itself.
        _ => response.finish,
    };
    response.usage = usage(&answered.usage);
    response.model = answered.model().unwrap_or(&site.id.name).to_owned();
    Ok(response)
}

fn block(content: &AssistantContent) -> Option<Block> {
    match content {
        AssistantContent::Text(text) => Some(Block::text(&text.text)),
        AssistantContent::Reasoning(reasoning) if !reasoning.redacted => {
            Some(Block::thinking(&reasoning.text))
        }
        AssistantContent::ToolCall(call) => {
            let function = &call.function;
            let raw = function.invalid_arguments.clone().map(Value::String);
            Some(Block::ToolUse(ToolUse {
                id: call.id.wire().into_owned(),
                name: function.name.as_str().to_owned(),
                input: raw.unwrap_or_else(|| function.arguments_value()),
            }))
        }
        AssistantContent::Image(image) => picture(image),
        // Items without a meaning outside their provider.
        _ => None,
    }
}

fn picture(image: &Image) -> Option<Block> {
    let source = match &image.data {
        DocumentSourceKind::Url(url) => MediaSource::Url { url: url.clone() },
        DocumentSourceKind::Base64(data) => {
            let media_type = image.media_type.as_ref().map_or("image/png", |kind| kind.to_mime_type());
            MediaSource::Base64 { media_type: media_type.to_owned(), data: data.clone() }
        }
        _ => return None,
    };
    Some(Block::Image { source })
}

/// `None` where the provider did not count.
fn usage(usage: &RigUsage) -> Option<Usage> {
    (usage.input_tokens.is_some() || usage.output_tokens.is_some()).then(|| Usage {
        input_tokens: usage.input_tokens.unwrap_or(0),
        output_tokens: usage.output_tokens.unwrap_or(0),
        cached_tokens: usage.cached_input_tokens.unwrap_or(0),
        reasoning_tokens: usage.reasoning_tokens.unwrap_or(0),
    })
}

/// The pieces of a streamed answer, with the places of its tool calls.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    calls: HashMap<Part, usize>,
}

impl Pieces {
    /// What `event` adds to the answer, if anything.
    pub(super) fn take(&mut self, event: StreamEvent) -> Option<ChatEvent> {
        match event {
            StreamEvent::Text { text, .. } => Some(ChatEvent::Text(text)),
            StreamEvent::Reasoning { text, .. } => Some(ChatEvent::Thinking(text)),
            StreamEvent::Start { part, kind: PartKind::ToolCall, name } => {
                let index = self.calls.len();
                self.calls.insert(part, index);
                let name = name.map(String::from);
                Some(ChatEvent::ToolUse { index, name, arguments: String::new() })
            }
            StreamEvent::Arguments { part, json } => {
                let index = *self.calls.get(&part)?;
                Some(ChatEvent::ToolUse { index, name: None, arguments: json })
            }
            _ => None,
        }
    }
}
