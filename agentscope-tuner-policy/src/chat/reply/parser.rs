//! The incremental parser.

use super::{
    Reply, ReplyFormat, ToolCall, call,
    tags::{END_THINK, END_TOOL_CALL, PYTHON_TAG, THINK, TOOL_CALL, TOOL_CALLS, first, showable},
};

/// Takes a reply apart as it is written. It never shows part of a tag: what may become one waits.
///
/// All parts together are the same, however the reply is cut into pieces.
#[derive(Clone, Debug)]
pub struct ReplyParser {
    format: ReplyFormat,
    state: State,
    /// What has arrived and not been told apart.
    held: String,
    /// White space is dropped until something else comes: a tag stood before.
    after_tag: bool,
    /// Text or a call has been seen, so that a later `<think>` is only text.
    has_spoken: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Reasoning,
    Text,
    /// Within a call, which is text again, with the white space before its tag, if it turns out malformed.
    Call {
        opening: String,
    },
    /// Whatever comes belongs to calls.
    CallsToEnd {
        opening: String,
    },
}

impl ReplyParser {
    /// A parser at the start of a reply; `in_reasoning` if the prompt opened the reasoning already.
    pub fn new(format: ReplyFormat, in_reasoning: bool) -> Self {
        let state = if in_reasoning { State::Reasoning } else { State::Text };
        Self { format, state, held: String::new(), after_tag: in_reasoning, has_spoken: false }
    }

    /// What the next piece of the reply makes certain.
    pub fn push(&mut self, piece: &str) -> Reply {
        self.held.push_str(piece);
        let mut reply = Reply::default();
        while self.step(&mut reply) {}
        reply
    }

    /// The end of the reply: what was held back is now certain.
    pub fn finish(&mut self) -> Reply {
        let mut reply = Reply::default();
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::Text) {
            State::Reasoning => self.show_reasoning(&mut reply, held.trim_end()),
            State::Text => self.show(&mut reply, &held),
            State::Call { opening } => {
                let calls = call::hermes(&held).map(|call| vec![call]);
                self.add_calls(&mut reply, calls, &[&opening, &held]);
            }
            State::CallsToEnd { opening } => {
                let calls = match self.format {
                    ReplyFormat::Llama3 => call::llama3(&held),
                    _ => call::mistral(&held),
                };
                self.add_calls(&mut reply, calls, &[&opening, &held]);
            }
        }
        reply
    }

    /// Handles what is held up to the next tag. False when more must arrive first.
    fn step(&mut self, reply: &mut Reply) -> bool {
        match &self.state {
            State::Reasoning => self.step_reasoning(reply),
            State::Text => self.step_text(reply),
            State::Call { opening } => {
                let Some(end) = self.held.find(END_TOOL_CALL) else { return false };
                let opening = opening.clone();
                let body: String = self.take(end);
                self.take(END_TOOL_CALL.len());
                self.state = State::Text;
                let calls = call::hermes(&body).map(|call| vec![call]);
                self.add_calls(reply, calls, &[&opening, &body, END_TOOL_CALL]);
                true
            }
            State::CallsToEnd { .. } => false,
        }
    }

    fn step_reasoning(&mut self, reply: &mut Reply) -> bool {
        let end = self.held.find(END_THINK);
        let shown = match end {
            Some(end) => self.held[..end].trim_end().len(),
            None => showable(&self.held, &[END_THINK]),
        };
        let thought = self.take(shown);
        self.show_reasoning(reply, &thought);
        if let Some(end) = end {
            self.take(end - shown + END_THINK.len());
            self.state = State::Text;
            self.after_tag = true;
        }
        end.is_some()
    }

    fn step_text(&mut self, reply: &mut Reply) -> bool {
        if self.format == ReplyFormat::Llama3 && !self.has_spoken {
            let start = self.held.trim_start();
            if start.starts_with('{') || start.starts_with(PYTHON_TAG) {
                self.state = State::CallsToEnd { opening: String::new() };
                return true;
            }
        }
        let tags = self.tags();
        let Some((at, tag)) = first(&self.held, &tags) else {
            let text = self.take(showable(&self.held, &tags));
            self.show(reply, &text);
            return false;
        };
        let text = self.take(self.held[..at].trim_end().len());
        let space = at - text.len();
        self.show(reply, &text);
        // These two only mean something at the start.
        if self.has_spoken && (tag == THINK || tag == PYTHON_TAG) {
            let text = self.take(space + tag.len());
            self.show(reply, &text);
            return true;
        }
        let opening = self.take(space + tag.len());
        self.state = match tag {
            THINK => {
                self.after_tag = true;
                State::Reasoning
            }
            TOOL_CALL => State::Call { opening },
            _ => State::CallsToEnd { opening },
        };
        true
    }

    /// The tags that mean something in text.
    fn tags(&self) -> Vec<&'static str> {
        let calls = match self.format {
            ReplyFormat::Hermes => Some(TOOL_CALL),
            ReplyFormat::Mistral => Some(TOOL_CALLS),
            ReplyFormat::Llama3 => (!self.has_spoken).then_some(PYTHON_TAG),
        };
        (!self.has_spoken).then_some(THINK).into_iter().chain(calls).collect()
    }

    fn take(&mut self, len: usize) -> String {
        self.held.drain(..len).collect()
    }

    fn show(&mut self, reply: &mut Reply, text: &str) {
        let text = self.without_space_after_tag(text);
        self.has_spoken |= !text.trim().is_empty();
        reply.text.push_str(text);
    }

    fn show_reasoning(&mut self, reply: &mut Reply, thought: &str) {
        let thought = self.without_space_after_tag(thought);
        reply.reasoning.push_str(thought);
    }

    fn without_space_after_tag<'a>(&mut self, text: &'a str) -> &'a str {
        if !self.after_tag {
            return text;
        }
        let rest = text.trim_start();
        self.after_tag = rest.is_empty();
        rest
    }

    /// Calls, or if there are none the text that should have been some.
    fn add_calls(&mut self, reply: &mut Reply, calls: Option<Vec<ToolCall>>, raw: &[&str]) {
        match calls {
            Some(calls) => {
                reply.tool_calls.extend(calls);
                self.has_spoken = true;
                self.after_tag = true;
            }
            None => raw.iter().for_each(|text| self.show(reply, text)),
        }
    }
}
