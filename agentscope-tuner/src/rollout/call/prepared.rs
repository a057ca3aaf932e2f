//! A request made ready: its key in the cache, and the most it can cost.

use crate::{
    error::{Error, ErrorKind, Result},
    message::Block,
    model::{ChatRequest, Price, Sampling, Usage, json},
    rollout::{budget::Bound, models::PricedModel, store::Key},
};

/// Most tokens of an answer when neither the request nor the model's settings say.
const DEFAULT_MAX_TOKENS: u32 = 4096;
/// Tokens that a chat template adds to a message, at most.
const TEMPLATE_TOKENS: u64 = 16;
/// Tokens of a picture, sound or film that is given by its address, at most.
const MEDIA_TOKENS: u64 = 20_000;

/// A request as it will be sent, and as it will be found again.
pub(crate) struct Prepared<'a> {
    given: &'a ChatRequest,
    /// With what is filled in, if anything is. Boxed: each future that holds it would hold room for all of it.
    filled: Option<Box<ChatRequest>>,
    pub(super) json: String,
    /// Of the model and the request, before attempt, repetition and seed.
    pub(super) base: Key,
}

impl<'a> Prepared<'a> {
    /// `bounded` calls get a most number of tokens, since a budget depends on it.
    pub(super) fn new(
        request: &'a ChatRequest,
        model: &PricedModel,
        version: Option<u64>,
        bounded: bool,
    ) -> Result<Self> {
        let most = model.max_output_tokens.or(bounded.then_some(DEFAULT_MAX_TOKENS));
        let mut this = Self { given: request, filled: None, json: String::new(), base: Key::default() };
        if request.sampling.max_tokens.is_none() && most.is_some() {
            this.fill(|sampling| sampling.max_tokens = most)?;
        } else {
            this.write()?;
        }
        let mut hasher = blake3::Hasher::new();
        serde_json::to_writer(&mut hasher, model.model.id()).map_err(unwritable)?;
        hasher.update(this.json.as_bytes());
        if let Some(version) = version {
            hasher.update(&version.to_le_bytes());
        }
        this.base = short(&hasher);
        Ok(this)
    }

    /// A request that was made ready elsewhere: nothing is added to it.
    pub(crate) fn as_sent(request: &'a ChatRequest) -> Result<Self> {
        let mut this = Self { given: request, filled: None, json: String::new(), base: Key::default() };
        this.write()?;
        Ok(this)
    }

    /// The request as it will be sent.
    pub(crate) fn request(&self) -> &ChatRequest {
        self.filled.as_deref().unwrap_or(self.given)
    }

    /// Sends `seed` with the request.
    pub(super) fn seed(&mut self, seed: u64) -> Result<()> {
        self.fill(|sampling| sampling.seed = Some(seed))
    }

    fn fill(&mut self, set: impl FnOnce(&mut Sampling)) -> Result<()> {
        set(&mut self.filled.get_or_insert_with(|| Box::new(self.given.clone())).sampling);
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        self.json = json::text(self.request()).map_err(unwritable)?;
        Ok(())
    }

    /// The key of the `nth` such request in a rollout of `attempt`.
    pub(super) fn key(&self, attempt: u32, nth: u32) -> Key {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.base);
        hasher.update(&attempt.to_le_bytes());
        hasher.update(&nth.to_le_bytes());
        hasher.update(&self.request().sampling.seed.unwrap_or(u64::MAX).to_le_bytes());
        short(&hasher)
    }

    /// The most that the call can use: a token stands for at least one byte of the request.
    pub(super) fn bound(&self, price: Option<&Price>) -> Bound {
        let messages = &self.request().messages;
        let media =
            messages.iter().flat_map(|message| &message.content).filter(|block| is_media(block)).count();
        let usage = Usage {
            input_tokens: self.json.len() as u64
                + TEMPLATE_TOKENS * messages.len() as u64
                + MEDIA_TOKENS * media as u64,
            output_tokens: self.request().sampling.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS).into(),
            ..Usage::default()
        };
        Bound { usage, usd: price.map(|price| price.of(&usage)).unwrap_or_default() }
    }
}

fn is_media(block: &Block) -> bool {
    matches!(block, Block::Image { .. } | Block::Audio { .. } | Block::Video { .. })
}

fn short(hasher: &blake3::Hasher) -> Key {
    let mut key = Key::default();
    hasher.finalize_xof().fill(&mut key);
    key
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Other, "the request cannot be written as JSON").with_source(error)
}
