//! Scripted conversations with agents.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod order;
mod structured;
mod tools;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard};

use agentscope_tuner::{
    message::{Block, Msg, Role, ToolUse},
    model::{
        ChatRequest, Model,
        scripted::{IntoReply, Scripted},
    },
    tool,
};
use serde_json::Value;

/// Adds two numbers.
#[tool]
async fn add(
    /// First term.
    a: f64,
    /// Second term.
    b: f64,
) -> f64 {
    a + b
}

/// What a model was asked, call by call.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<ChatRequest>>>);

impl Asked {
    fn requests(&self) -> MutexGuard<'_, Vec<ChatRequest>> {
        self.0.lock().unwrap()
    }

    fn count(&self) -> usize {
        self.requests().len()
    }
}

/// A model that gives what `answer` makes of the number of its call, from 0, and what it was asked.
fn scripted<R: IntoReply>(answer: impl Fn(usize) -> R + Send + Sync + 'static) -> (Model, Asked) {
    let asked = Asked::default();
    let kept = asked.clone();
    let model = Scripted::new("scripted", move |request: &ChatRequest| {
        let mut requests = kept.requests();
        requests.push(request.clone());
        answer(requests.len() - 1)
    });
    (Model::new(model), asked)
}

/// A model that gives these answers one after the other.
fn in_order<const N: usize>(answers: [Msg; N]) -> (Model, Asked) {
    scripted(move |turn| answers.get(turn).cloned().ok_or_else(|| format!("asked {} times", turn + 1)))
}

fn block(id: &str, name: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: id.into(), name: name.into(), input })
}

fn calls(blocks: impl Into<Vec<Block>>) -> Msg {
    Msg::new(Role::Assistant, blocks.into())
}

fn call(id: &str, name: &str, input: Value) -> Msg {
    calls([block(id, name, input)])
}

fn roles(messages: &[Msg]) -> Vec<Role> {
    messages.iter().map(|message| message.role).collect()
}
