//! What is asked of the engine, and what comes back.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// How a token is chosen from its logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by this, in [0, 100]; 0 takes the most likely token.
    pub temperature: f32,
    /// The smallest set of tokens whose probabilities reach this is kept, in (0, 1].
    pub top_p: f32,
    /// Only so many of the most likely tokens are kept, at least 1.
    pub top_k: Option<usize>,
    /// Tokens less likely than this share of the most likely one are dropped, in [0, 1).
    pub min_p: f32,
    /// Logits of tokens already in the context are divided by this when positive and multiplied when negative
    /// (Keskar et al., arXiv 1909.05858, section 4.1); 1 does nothing, positive.
    pub repetition_penalty: f32,
    /// Every choice is a hash of this and of how many tokens were sampled before it.
    pub seed: u64,
}

impl Default for Sampling {
    /// The distribution of the model itself.
    fn default() -> Self {
        Self { temperature: 1.0, top_p: 1.0, top_k: None, min_p: 0.0, repetition_penalty: 1.0, seed: 0 }
    }
}

impl Sampling {
    pub(crate) fn truncates(&self) -> bool {
        self.top_p < 1.0 || self.top_k.is_some() || self.min_p > 0.0
    }

    /// # Errors
    /// Names every setting that is out of its range.
    pub(crate) fn check(&self) -> Result<()> {
        let faults: Vec<&str> = [
            ((0.0..=100.0).contains(&self.temperature), "temperature must lie in [0, 100]"),
            (self.top_p > 0.0 && self.top_p <= 1.0, "top_p must lie in (0, 1]"),
            (self.top_k != Some(0), "top_k must be at least 1; leave it out to keep all tokens"),
            ((0.0..1.0).contains(&self.min_p), "min_p must lie in [0, 1)"),
            (
                self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite(),
                "repetition_penalty must be positive; 1 does nothing",
            ),
        ]
        .into_iter()
        .filter_map(|(holds, fault)| (!holds).then_some(fault))
        .collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Request, faults.join("; "))),
        }
    }
}

/// Steers a sequence from outside: a grammar, stop strings.
pub trait Guide: Send {
    /// Which tokens may come next, one bit a token (token `i` is bit `i % 32` of word `i / 32`); none means all.
    fn allowed(&mut self) -> Option<&[u32]>;

    /// Takes note of a sampled token; true ends the sequence after it.
    fn accept(&mut self, token: u32) -> bool;
}

/// One sequence to be continued.
pub struct Request {
    /// Token ids of the context, at least one.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Most tokens to sample, at least 1.
    pub max_tokens: usize,
    /// Tokens that end the sequence; the one that does is part of the completion.
    pub stop_tokens: Vec<u32>,
    /// How many of the most likely tokens are reported at each position.
    pub top_log_probs: usize,
    /// A grammar or stop strings.
    pub guide: Option<Box<dyn Guide>>,
}

impl Request {
    /// A request with the model's own distribution, no stop tokens and no guide.
    pub fn new(prompt: Vec<u32>, max_tokens: usize) -> Self {
        Self {
            prompt,
            max_tokens,
            sampling: Sampling::default(),
            stop_tokens: Vec::new(),
            top_log_probs: 0,
            guide: None,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("prompt", &self.prompt)
            .field("sampling", &self.sampling)
            .field("max_tokens", &self.max_tokens)
            .field("stop_tokens", &self.stop_tokens)
            .finish_non_exhaustive()
    }
}

/// A sampled token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Natural logarithm of its probability under the tempered distribution, before penalties, masks and truncation.
    pub log_prob: f32,
    /// How many times the parameters had been updated when it was sampled.
    pub version: u64,
    /// The most likely tokens at its position, most likely first.
    pub top: Vec<TopLogProb>,
}

/// One of the most likely tokens at a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopLogProb {
    /// Its id.
    pub token: u32,
    /// Natural logarithm of its probability.
    pub log_prob: f32,
}

/// Why a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finish {
    /// A stop token was sampled, or the guide ended it.
    Stop,
    /// `max_tokens` or the context length was reached.
    Length,
}

/// What happens to a sequence.
#[derive(Debug)]
pub enum Event {
    /// A token was sampled.
    Token(Token),
    /// The last token was sampled.
    Finished(Finish),
    /// The sequence cannot go on.
    Failed(Error),
}

/// A whole continuation.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The sampled tokens, a stop token included.
    pub tokens: Vec<Token>,
    /// Why it ended.
    pub finish: Finish,
}
