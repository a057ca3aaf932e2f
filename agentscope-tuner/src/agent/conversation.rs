//! An agent's memory while a reply lasts.

use std::mem;

use super::Memory;
use crate::{message::Msg, model::ChatRequest};

/// The memory as the request that continues it: one request for all turns of a reply, its messages never copied.
///
/// Dropped before [`close`](Self::close), because a call failed or the reply was given up, it leaves the memory as
/// it was: a reply either happened or did not.
pub(super) struct Conversation<'m> {
    pub(super) request: ChatRequest,
    memory: &'m mut Memory,
    /// Messages at the front that are not the memory's: the system prompt, if any.
    preface: usize,
    /// Messages that go back into the memory.
    kept: usize,
}

impl<'m> Conversation<'m> {
    /// Puts `memory` into `request`, below `system`, which is left out where it is blank.
    pub(super) fn open(memory: &'m mut Memory, system: &str, request: ChatRequest) -> Self {
        let mut messages = Vec::from(mem::take(memory));
        let kept = messages.len();
        let preface = usize::from(!system.trim().is_empty());
        if preface > 0 {
            messages.insert(0, Msg::system(system));
        }
        Self { request: ChatRequest { messages, ..request }, memory, preface, kept }
    }

    /// Adds what was said.
    pub(super) fn push(&mut self, message: Msg) {
        self.request.messages.push(message);
    }

    /// What was said since [`open`](Self::open).
    pub(super) fn said(&self) -> &[Msg] {
        &self.request.messages[self.preface + self.kept..]
    }

    /// Adds the answer and keeps all that was said in the memory.
    pub(super) fn close_with(mut self, answer: Msg) -> Msg {
        self.push(answer.clone());
        self.close();
        answer
    }

    /// Keeps all that was said in the memory.
    pub(super) fn close(mut self) {
        self.kept = self.request.messages.len() - self.preface;
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        let mut messages = mem::take(&mut self.request.messages);
        messages.drain(..self.preface);
        messages.truncate(self.kept);
        *self.memory = messages.into();
    }
}
