//! A rollout as a conversation.

use std::sync::Arc;

use crate::{
    message::{Block, Msg, Role},
    rollout::{Record, Status, StoredCall},
};

/// The messages of the calls of a rollout, each shown once: a call that continues the one before adds only what is
/// new.
pub fn conversation(calls: Vec<(Arc<str>, StoredCall)>) -> String {
    let mut text = String::new();
    let mut shown: Vec<Msg> = Vec::new();
    for (slot, call) in calls {
        let model = call.model.clone();
        let messages = call.conversation();
        let continues = messages.len() >= shown.len() && messages[..shown.len()] == shown[..];
        if !continues || shown.is_empty() {
            text += &format!("— {slot}: {model}\n");
        }
        let known = if continues { shown.len() } else { 0 };
        for message in &messages[known..] {
            text += &message_text(message);
        }
        shown = messages;
    }
    text
}

/// How the rollout ended, in a line or two.
pub fn verdict(record: &Record) -> String {
    let mut text = match (record.status, record.reward) {
        (Status::Scored, Some(reward)) => format!("reward {reward}"),
        (status, _) => format!("{}: {}", status.name(), record.error.as_deref().unwrap_or("no reason given")),
    };
    for (name, value) in &record.metrics {
        text += &format!(", {name} {value}");
    }
    if let Some(feedback) = &record.feedback {
        text += &format!("\nfeedback: {feedback}");
    }
    text
}

fn message_text(message: &Msg) -> String {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    message.content.iter().map(|block| format!("{role}: {}\n", block_text(block))).collect()
}

fn block_text(block: &Block) -> String {
    match block {
        Block::Text { text } => text.clone(),
        Block::Thinking { thinking, .. } => format!("(thinks) {thinking}"),
        Block::ToolUse(call) => format!("calls {}({})", call.name, call.input),
        Block::ToolResult(result) if result.is_error => format!("{} failed: {}", result.name, result.text()),
        Block::ToolResult(result) => format!("{} answers {}", result.name, result.text()),
        Block::Image { .. } => "(an image)".to_owned(),
        Block::Audio { .. } => "(a sound)".to_owned(),
        Block::Video { .. } => "(a film)".to_owned(),
    }
}
