//! The answer of chat completions, piece by piece.

use std::borrow::Cow;

use super::{
    parts::{Parts, RawCall},
    response::{Choice, Completion, WireCall},
};
use crate::model::{ChatEvent, Usage};

/// Puts the chunks of one answer together.
#[derive(Default)]
pub(super) struct Assembler {
    parts: Parts,
}

/// More tool calls than any model makes: a position beyond it is nonsense.
const MOST_CALLS: usize = 1024;

impl Assembler {
    /// Takes in a chunk and pushes what is new in it.
    pub(super) fn take(&mut self, chunk: Completion<'_>, events: &mut impl Extend<ChatEvent>) {
        let parts = &mut self.parts;
        if let Some(model) = chunk.model.filter(|_| parts.model.is_empty()) {
            parts.model = model;
        }
        // Some endpoints repeat the usage so far in each chunk: the last one counts.
        parts.usage = chunk.usage.map(Usage::from).or(parts.usage);
        parts.prompt_ids = parts.prompt_ids.take().or(chunk.prompt_token_ids);
        for choice in chunk.choices.unwrap_or_default().into_iter().filter(|choice| choice.index == 0) {
            self.choice(choice, events);
        }
    }

    fn choice(&mut self, choice: Choice<'_>, events: &mut impl Extend<ChatEvent>) {
        let parts = &mut self.parts;
        if let Some(finish) = choice.finish_reason {
            parts.finish = Some(Cow::into_owned(finish));
        }
        if let Some(more) = choice.logprobs.and_then(|logprobs| logprobs.content) {
            parts.logprobs.get_or_insert_default().extend(more);
        }
        if let Some(more) = choice.token_ids {
            parts.ids.get_or_insert_default().extend(more);
        }
        let Some(mut delta) = choice.delta.map(|delta| *delta) else { return };
        grow(&mut parts.thinking, delta.take_thinking(), ChatEvent::Thinking, events);
        grow(&mut parts.text, delta.content.0, ChatEvent::Text, events);
        grow(&mut parts.refusal, delta.refusal.0, ChatEvent::Text, events);
        for (position, call) in delta.tool_calls.unwrap_or_default().into_iter().enumerate() {
            self.call(call, position, events);
        }
    }

    fn call(&mut self, call: WireCall, position: usize, events: &mut impl Extend<ChatEvent>) {
        let calls = &mut self.parts.calls;
        // Ollama and Gemini leave the position out or say 0 for each: a new id is then a new call.
        let given = call.index.unwrap_or(position);
        let fresh_id = call.id.as_deref().filter(|id| !id.is_empty());
        let taken = calls.get(given).is_some_and(|known| fresh_id.is_some_and(|id| known.id != id));
        let index = if taken { calls.len() } else { given }.min(MOST_CALLS);
        if calls.len() <= index {
            calls.resize_with(index + 1, RawCall::default);
        }
        let known = &mut calls[index];
        if let Some(id) = fresh_id {
            id.clone_into(&mut known.id);
        }
        let name = call.function.name.filter(|name| !name.is_empty() && known.name.is_empty());
        if let Some(name) = &name {
            known.name.clone_from(name);
        }
        let arguments = call.function.arguments.0;
        known.arguments.push_str(&arguments);
        events.extend([ChatEvent::ToolUse { index, name, arguments }]);
    }

    /// Whether the model said why it stopped, without which an answer is cut.
    pub(super) fn is_complete(&self) -> bool {
        self.parts.finish.is_some()
    }

    pub(super) fn into_parts(mut self) -> Parts {
        // Positions that an endpoint skipped.
        self.parts.calls.retain(|call| !(call.id.is_empty() && call.name.is_empty()));
        self.parts
    }
}

fn grow(
    all: &mut String,
    more: String,
    event: impl FnOnce(String) -> ChatEvent,
    events: &mut impl Extend<ChatEvent>,
) {
    if !more.is_empty() {
        all.push_str(&more);
        events.extend([event(more)]);
    }
}
