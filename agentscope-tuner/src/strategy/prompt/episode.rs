//! A rollout as a proposer model reads it.

use std::{fmt::Write as _, sync::Arc};

use serde_json::Value;

use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::Result,
    message::{Block, Msg, Role},
    rollout::{Record, Store, StoredCall, Task},
    text::brief,
    workflow::Demo,
};

/// Most characters of one text; what is longer loses its middle.
const LONGEST: usize = 2_000;

/// One rollout on a row to learn from.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) task: Arc<Task>,
    pub(super) record: Arc<Record>,
    pub(super) reward: f64,
    /// What else counts, by name.
    pub(super) values: Vec<(String, f64)>,
    /// Who ran it.
    pub(super) candidate: Arc<Candidate>,
    /// Its model calls: slot and call.
    pub(super) calls: Vec<(Arc<str>, StoredCall)>,
}

impl Episode {
    /// With its calls out of the first of `stores` that has them.
    pub(super) fn read(
        stores: &[&Store],
        candidate: &Arc<Candidate>,
        task: &Arc<Task>,
        record: &Arc<Record>,
        reward: f64,
    ) -> Result<Self> {
        let mut calls = Vec::new();
        for call in &record.calls {
            for store in stores {
                if let Some(stored) = store.call(&call.key)? {
                    calls.push((Arc::clone(&call.slot), stored));
                    break;
                }
            }
        }
        let (task, record, candidate) = (Arc::clone(task), Arc::clone(record), Arc::clone(candidate));
        Ok(Self { task, record, reward, values: Vec::new(), candidate, calls })
    }

    /// What was asked first, as the model saw it.
    pub(super) fn input(&self) -> String {
        let first = self.calls.first().map(|(_, call)| &call.request.messages);
        let user = first.and_then(|messages| messages.iter().find(|msg| msg.role == Role::User));
        user.map_or_else(|| self.task.value.to_string(), Msg::text)
    }

    /// The response as text.
    pub(super) fn output(&self) -> String {
        spoken(&self.record.response)
    }

    /// What the model was asked under the text of `slot`, and what it answered: the last call whose messages hold that text. Where
    /// no call does, the whole rollout if it has but one prompt.
    pub(super) fn example(&self, slot: &SlotPath, alone: bool) -> Option<Demo> {
        let Some(SlotValue::Prompt(text)) = self.candidate.slots.get(slot) else { return None };
        let under =
            |call: &&StoredCall| call.request.messages.iter().any(|msg| msg.text().contains(text.trim()));
        match self.calls.iter().map(|(_, call)| call).rev().find(under).filter(|_| !alone) {
            Some(call) => {
                let user = call.request.messages.iter().find(|msg| msg.role == Role::User)?;
                Some(Demo { input: user.text(), output: call.response.message.text() })
            }
            None => alone.then(|| Demo { input: self.input(), output: self.output() }),
        }
    }

    /// All that there is to learn from it.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("Reward: {}\n", shown(self.reward));
        for (name, value) in &self.values {
            _ = writeln!(text, "{name}: {}", brief(*value));
        }
        _ = writeln!(text, "Row: {}", short(&self.task.value.to_string()));
        for (slot, call) in &self.calls {
            _ = writeln!(text, "Conversation with `{slot}`:");
            // What a later call repeats of an earlier one is told again: calls of one slot need not be one conversation.
            for msg in call.clone().conversation().iter().filter(|msg| msg.role != Role::System) {
                _ = writeln!(text, "- {}: {}", role(msg.role), short(&content(msg)));
            }
        }
        if self.calls.is_empty() {
            _ = writeln!(text, "Response: {}", short(&self.output()));
        }
        if let Some(error) = &self.record.error {
            _ = writeln!(text, "It failed: {}", short(error));
        }
        if let Some(feedback) = &self.record.feedback {
            _ = writeln!(text, "Feedback: {}", short(feedback));
        }
        text
    }
}

/// The text of a response: of a message what it says, else its JSON.
pub(super) fn spoken(response: &Value) -> String {
    match response {
        Value::String(text) => text.clone(),
        other => match serde_json::from_value::<Msg>(other.clone()) {
            Ok(msg) => msg.text(),
            Err(_) => other.to_string(),
        },
    }
}

/// A reward without needless digits.
pub(super) fn shown(reward: f64) -> String {
    format!("{}", (reward * 1e3).round() / 1e3)
}

/// `text`, its middle left out where it is long.
pub(super) fn short(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    let head: String = text.chars().take(LONGEST * 3 / 4).collect();
    let tail: String = text.chars().skip(length - LONGEST / 4).collect();
    format!("{head} […] {tail}")
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "model",
        Role::Tool => "tool",
    }
}

fn content(msg: &Msg) -> String {
    let block = |block: &Block| match block {
        Block::Text { text } => Some(text.clone()),
        Block::ToolUse(call) => Some(format!("calls {}({})", call.name, call.input)),
        Block::ToolResult(result) => Some(format!("{} returns {}", result.name, result.text())),
        Block::Thinking { .. } => None,
        _ => Some("(media)".to_owned()),
    };
    msg.content.iter().filter_map(block).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn responses_of_any_type_have_a_text() {
        assert_eq!(spoken(&json!("plain")), "plain");
        assert_eq!(spoken(&json!({"role": "assistant", "content": "said"})), "said");
        assert_eq!(spoken(&json!({"score": 1})), "{\"score\":1}");
    }

    #[test]
    fn a_long_text_keeps_its_ends() {
        let text = format!("{}{}", "a".repeat(3000), "z".repeat(3000));
        let cut = short(&text);
        assert!(cut.starts_with('a') && cut.ends_with('z') && cut.chars().count() < 2100);
        assert_eq!(short("brief"), "brief");
    }
}
