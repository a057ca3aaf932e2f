//! A streamed answer, event by event.

use serde_json::{Value, json};

use super::written::{opened, stop_reason, tool_use, usage};
use crate::{
    gateway::wire::Head,
    model::{ChatEvent, ChatResponse},
};

/// The event that says who speaks.
pub(super) fn opening(head: &Head) -> Value {
    json!({ "type": "message_start", "message": opened(head) })
}

/// Writes the events of one answer: blocks one after another, each opened, told and closed.
#[derive(Default)]
pub(super) struct Events {
    /// The kind of the block that is open.
    open: Option<Kind>,
    /// Blocks that are closed.
    closed: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Thinking,
}

impl Events {
    /// The events of one piece. Tool calls are told with the end, when their identifiers are known.
    pub(super) fn written(&mut self, piece: ChatEvent) -> Vec<Value> {
        match piece {
            ChatEvent::Text(text) => self.more(Kind::Text, &text),
            ChatEvent::Thinking(text) => self.more(Kind::Thinking, &text),
            ChatEvent::ToolUse { .. } => Vec::new(),
            ChatEvent::Done(answer) => self.ending(&answer),
        }
    }

    fn more(&mut self, kind: Kind, text: &str) -> Vec<Value> {
        if text.is_empty() {
            return Vec::new();
        }
        let mut events = Vec::new();
        if self.open != Some(kind) {
            events.extend(self.close());
            self.open = Some(kind);
            let block = match kind {
                Kind::Text => json!({ "type": "text", "text": "" }),
                Kind::Thinking => json!({ "type": "thinking", "thinking": "", "signature": "" }),
            };
            events.push(self.start(&block));
        }
        events.push(self.delta(match kind {
            Kind::Text => json!({ "type": "text_delta", "text": text }),
            Kind::Thinking => json!({ "type": "thinking_delta", "thinking": text }),
        }));
        events
    }

    fn ending(&mut self, answer: &ChatResponse) -> Vec<Value> {
        let mut events: Vec<Value> = self.close().into_iter().collect();
        for call in answer.message.tool_uses() {
            let mut block = tool_use(call);
            let input = block["input"].take().to_string();
            block["input"] = json!({});
            events.push(self.start(&block));
            events.push(self.delta(json!({ "type": "input_json_delta", "partial_json": input })));
            events.push(self.stop());
        }
        let delta = json!({ "stop_reason": stop_reason(answer.finish), "stop_sequence": null });
        events.push(json!({ "type": "message_delta", "delta": delta, "usage": usage(answer.usage) }));
        events.push(json!({ "type": "message_stop" }));
        events
    }

    fn close(&mut self) -> Option<Value> {
        self.open.take().map(|_| self.stop())
    }

    fn start(&self, block: &Value) -> Value {
        json!({ "type": "content_block_start", "index": self.closed, "content_block": block })
    }

    fn delta(&self, delta: Value) -> Value {
        json!({ "type": "content_block_delta", "index": self.closed, "delta": delta })
    }

    fn stop(&mut self) -> Value {
        self.closed += 1;
        json!({ "type": "content_block_stop", "index": self.closed - 1 })
    }
}
