//! The events of a streamed message.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;

use super::response::{Content, Message, WireUsage};
use crate::model::ChatEvent;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event {
    MessageStart {
        message: Message,
    },
    ContentBlockStart {
        content_block: Content,
    },
    ContentBlockDelta {
        delta: Delta,
    },
    ContentBlockStop,
    MessageDelta {
        delta: End,
        #[serde(default)]
        usage: WireUsage,
    },
    MessageStop,
    Error,
    /// `ping`, and what is yet to come: the API asks clients to bear unknown events.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "signature_delta")]
    Signature { signature: String },
    #[serde(rename = "input_json_delta")]
    Json { partial_json: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct End {
    #[serde(default)]
    stop_reason: Option<String>,
}

/// A message in the making. Blocks come one after the other, so the last one is the open one.
#[derive(Default)]
pub(super) struct Draft {
    message: Message,
    content: Vec<Content>,
    /// The arguments of the open tool call, as text.
    arguments: String,
    calls: usize,
}

impl Draft {
    /// Takes in an event. True for the last one.
    pub(super) fn take(
        &mut self,
        event: Event,
        answer_tool: Option<&str>,
        ready: &mut VecDeque<ChatEvent>,
    ) -> bool {
        match event {
            Event::MessageStart { message } => self.message = message,
            Event::ContentBlockStart { content_block } => self.open(content_block, answer_tool, ready),
            Event::ContentBlockDelta { delta } => self.grow(delta, answer_tool, ready),
            Event::ContentBlockStop => self.close(),
            Event::MessageDelta { delta, usage } => {
                self.message.stop_reason = delta.stop_reason.or(self.message.stop_reason.take());
                self.message.usage = Some(self.message.usage.unwrap_or_default().updated(usage));
            }
            Event::MessageStop => return true,
            Event::Error | Event::Other => {}
        }
        false
    }

    fn open(&mut self, block: Content, answer_tool: Option<&str>, ready: &mut VecDeque<ChatEvent>) {
        match &block {
            Content::ToolUse { name, .. } if Some(&**name) != answer_tool => {
                let (index, name) = (self.calls, Some(name.clone()));
                ready.push_back(ChatEvent::ToolUse { index, name, arguments: String::new() });
                self.calls += 1;
            }
            Content::Text { text } if !text.is_empty() => ready.push_back(ChatEvent::Text(text.clone())),
            _ => {}
        }
        self.content.push(block);
    }

    fn grow(&mut self, delta: Delta, answer_tool: Option<&str>, ready: &mut VecDeque<ChatEvent>) {
        match (delta, self.content.last_mut()) {
            (Delta::Text { text: more }, Some(Content::Text { text })) => {
                text.push_str(&more);
                ready.push_back(ChatEvent::Text(more));
            }
            (Delta::Thinking { thinking: more }, Some(Content::Thinking { thinking, .. })) => {
                thinking.push_str(&more);
                ready.push_back(ChatEvent::Thinking(more));
            }
            (Delta::Signature { signature: more }, Some(Content::Thinking { signature, .. })) => {
                signature.get_or_insert_default().push_str(&more);
            }
            (Delta::Json { partial_json }, Some(Content::ToolUse { name, .. })) => {
                self.arguments.push_str(&partial_json);
                ready.push_back(if Some(&**name) == answer_tool {
                    ChatEvent::Text(partial_json)
                } else {
                    let index = self.calls.saturating_sub(1);
                    ChatEvent::ToolUse { index, name: None, arguments: partial_json }
                });
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.arguments);
        if let Some(Content::ToolUse { input, .. }) = self.content.last_mut()
            && !text.is_empty()
        {
            *input = serde_json::from_str(&text).unwrap_or(Value::String(text));
        }
    }

    /// The message, if its end arrived.
    pub(super) fn finish(mut self) -> Option<Message> {
        self.close();
        self.message.stop_reason.is_some().then(|| Message { content: Some(self.content), ..self.message })
    }
}
