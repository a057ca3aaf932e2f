//! One sequence on its way through the engine.

use tokio::sync::mpsc::UnboundedSender;

use crate::engine::{
    blocks::Blocks,
    request::{Event, Finish, Request, Token},
};

/// A request, its tokens so far, and the blocks that hold them.
pub(crate) struct Sequence {
    pub(crate) request: Request,
    /// The prompt, then what was sampled.
    pub(crate) tokens: Vec<u32>,
    /// How many of `tokens` are in the cache.
    pub(crate) computed: usize,
    /// The blocks of the cache, by position.
    pub(crate) table: Vec<u32>,
    /// Most tokens there may be, prompt included.
    pub(crate) limit: usize,
    /// Bit per token of the context, where a repetition penalty asks for it.
    pub(crate) seen: Option<Vec<u32>>,
    events: UnboundedSender<Event>,
}

impl Sequence {
    /// `context` is the longest sequence that the engine has memory for.
    pub(crate) fn new(
        request: Request,
        events: UnboundedSender<Event>,
        context: usize,
        vocabulary: usize,
    ) -> Self {
        let limit = context.min(request.prompt.len() + request.max_tokens);
        let mut tokens = Vec::with_capacity(limit);
        tokens.extend_from_slice(&request.prompt);
        let mut seen = (request.sampling.repetition_penalty != 1.0).then(|| vec![0; vocabulary.div_ceil(32)]);
        for token in &tokens {
            note(&mut seen, *token);
        }
        Self { request, tokens, computed: 0, table: Vec::new(), limit, seen, events }
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.events.is_closed()
    }

    /// How many tokens were sampled.
    pub(crate) fn sampled(&self) -> usize {
        self.tokens.len() - self.request.prompt.len()
    }

    /// Takes the next token, tells it, and says whether it was the last.
    pub(crate) fn push(&mut self, token: Token) -> Option<Finish> {
        let id = token.id;
        self.tokens.push(id);
        note(&mut self.seen, id);
        let guided = self.request.guide.as_mut().is_some_and(|guide| guide.accept(id));
        // The receiver may have gone; the next step will notice.
        let _ = self.events.send(Event::Token(token));
        if guided || self.request.stop_tokens.contains(&id) {
            return Some(Finish::Stop);
        }
        (self.tokens.len() >= self.limit).then_some(Finish::Length)
    }

    /// Tells how it ended.
    pub(crate) fn end(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Gives all blocks back; what they hold must be found or computed again.
    pub(crate) fn release(&mut self, blocks: &mut Blocks) {
        // The last block first: a parent must outlive its children, or they could not be found.
        for block in self.table.drain(..).rev() {
            blocks.release(block);
        }
        self.computed = 0;
    }
}

fn note(seen: &mut Option<Vec<u32>>, token: u32) {
    if let Some(seen) = seen {
        seen[token as usize / 32] |= 1 << (token % 32);
    }
}
