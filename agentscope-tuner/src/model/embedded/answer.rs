//! From sampled tokens to an answer.

use std::collections::VecDeque;

use policy::{
    chat::{Reply, ReplyParser, opens_reasoning},
    engine::{self, Finish, Ticket, Token},
    tokenizer::Decoder,
};

use super::{Embedded, Forced, policy, refused, stops::Stops};
use crate::{
    error::Result,
    message::{Block, Msg, Role, ToolUse},
    model::{
        ChatEvent, ChatRequest, ChatResponse, FinishReason, TokenLogprob, TokenTrace, Usage, call_id,
        next_call,
    },
};

/// An answer under way.
pub(super) struct Answer {
    model: Embedded,
    ticket: Ticket,
    decoder: Decoder,
    stops: Stops,
    parser: ReplyParser,
    /// What is written after the model's part.
    closing: &'static str,
    /// What was understood so far.
    reply: Reply,
    prompt: Vec<u32>,
    tokens: Vec<Token>,
    /// Number of the first call of this answer within the conversation.
    first_call: usize,
    wants_log_probs: bool,
    ready: VecDeque<ChatEvent>,
}

impl Answer {
    /// `prompt` is what the engine was given, `rendered` the conversation without what was forced.
    pub(super) fn new(
        model: &Embedded,
        request: &ChatRequest,
        (prompt, rendered): (Vec<u32>, &str),
        forced: Option<&Forced>,
        stops: Stops,
        ticket: Ticket,
    ) -> Self {
        let mut parser = ReplyParser::new(model.format, opens_reasoning(rendered));
        let reply = forced.map_or_else(Reply::default, |forced| parser.push(&forced.opening));
        Self {
            model: model.clone(),
            ticket,
            decoder: model.tokenizer.decoder(model.hides_special()),
            stops,
            parser,
            closing: forced.map_or("", |forced| forced.closing),
            reply,
            prompt,
            tokens: Vec::new(),
            first_call: next_call(&request.messages),
            wants_log_probs: request.logprobs.is_some(),
            ready: VecDeque::new(),
        }
    }

    /// What comes next; nothing after the whole answer.
    pub(super) async fn next(&mut self) -> Result<Option<ChatEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            match self.ticket.next().await {
                Some(engine::Event::Token(token)) => self.take(token),
                Some(engine::Event::Finished(finish)) => self.finish(finish),
                Some(engine::Event::Failed(error)) => return Err(refused(error)),
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self, token: Token) {
        let ends = self.model.generation.eos_token_ids.contains(&token.id);
        let piece = if ends { "" } else { self.decoder.push(token.id) };
        let piece = self.stops.push(piece);
        self.tokens.push(token);
        if !piece.is_empty() {
            let understood = self.parser.push(&piece);
            self.tell(understood);
        }
    }

    fn finish(&mut self, finish: Finish) {
        let rest = self.decoder.finish().to_owned();
        let mut rest = self.stops.push(&rest);
        rest += &self.stops.finish();
        if finish == Finish::Stop {
            rest += self.closing;
        }
        let mut understood = self.parser.push(&rest);
        understood.extend(self.parser.finish());
        self.tell(understood);
        let response = self.response(finish);
        self.ready.push_back(ChatEvent::Done(Box::new(response)));
    }

    /// Makes events of what was understood.
    fn tell(&mut self, understood: Reply) {
        if !understood.reasoning.is_empty() {
            self.ready.push_back(ChatEvent::Thinking(understood.reasoning.clone()));
        }
        if !understood.text.is_empty() {
            self.ready.push_back(ChatEvent::Text(understood.text.clone()));
        }
        for (call, index) in understood.tool_calls.iter().zip(self.reply.tool_calls.len()..) {
            let arguments = serde_json::Value::Object(call.arguments.clone()).to_string();
            self.ready.push_back(ChatEvent::ToolUse { index, name: Some(call.name.clone()), arguments });
        }
        self.reply.extend(understood);
    }

    fn response(&mut self, finish: Finish) -> ChatResponse {
        let reply = std::mem::take(&mut self.reply);
        let calls = !reply.tool_calls.is_empty();
        let (input, output) = (self.prompt.len() as u64, self.tokens.len() as u64);
        ChatResponse {
            message: self.message(reply),
            finish: match finish {
                _ if calls => FinishReason::ToolCalls,
                Finish::Length => FinishReason::Length,
                _ => FinishReason::Stop,
            },
            usage: Some(Usage { input_tokens: input, output_tokens: output, ..Usage::default() }),
            logprobs: self
                .wants_log_probs
                .then(|| self.tokens.iter().map(|token| self.log_prob(token)).collect()),
            tokens: Some(TokenTrace {
                prompt_ids: std::mem::take(&mut self.prompt),
                ids: self.tokens.iter().map(|token| token.id).collect(),
                logprobs: self.tokens.iter().map(|token| token.log_prob).collect(),
            }),
            model: self.model.id.name.clone(),
        }
    }

    fn message(&self, reply: Reply) -> Msg {
        let mut blocks = Vec::new();
        if !reply.reasoning.is_empty() {
            blocks.push(Block::thinking(reply.reasoning));
        }
        if !reply.text.is_empty() || reply.tool_calls.is_empty() {
            blocks.push(Block::text(reply.text));
        }
        let calls = reply.tool_calls.into_iter().zip(self.first_call..).map(|(call, number)| {
            let id = call.id.unwrap_or_else(|| call_id(number));
            Block::ToolUse(ToolUse { id, name: call.name, input: call.arguments.into() })
        });
        blocks.extend(calls);
        Msg::new(Role::Assistant, blocks)
    }

    fn log_prob(&self, token: &Token) -> TokenLogprob {
        let text = |id: u32| String::from_utf8_lossy(self.model.tokenizer.bytes(id)).into_owned();
        let top = token.top.iter().map(|top| (text(top.token), f64::from(top.log_prob)));
        TokenLogprob { token: text(token.id), logprob: f64::from(token.log_prob), top: top.collect() }
    }
}
