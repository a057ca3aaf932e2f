//! One sequence on its way through the engine.

use tokio::sync::mpsc::UnboundedSender;

use crate::engine::{
    blocks::Blocks,
    model::Draw,
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

    /// How the next token is to be chosen.
    pub(crate) fn draw(&self) -> Draw {
        let Request { sampling, guide, top_log_probs, .. } = &self.request;
        let free = guide.is_none() && self.seen.is_none() && !sampling.truncates() && *top_log_probs == 0;
        match free {
            true => Draw::Free { temperature: sampling.temperature, uniform: self.uniform() },
            false => Draw::Host,
        }
    }

    /// The random number, in [0, 1), by which the next token is drawn. It depends on the seed and on how many were drawn alone:
    /// the finaliser of SplitMix64 (Steele et al., 2014) over both.
    pub(crate) fn uniform(&self) -> f64 {
        let mix = |mut z: u64| {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        (mix(mix(self.request.sampling.seed) ^ self.sampled() as u64) >> 11) as f64 / (1_u64 << 53) as f64
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
