//! A request made ready: its key in the cache, and the most it can cost.

use crate::{
    error::{Error, ErrorKind, Result},
    message::Block,
    model::{ChatRequest, Price, Sampling, Usage, json},
    rollout::{
        budget::Bound,
        models::PricedModel,
        store::{Key, key_of},
    },
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
    /// The model's id as JSON, then the request.
    written: String,
    /// Where the request begins there.
    start: usize,
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
        let mut this = Self::of(request, json::text(model.model.id()).map_err(unwritable)?);
        if request.sampling.max_tokens.is_none() && most.is_some() {
            this.fill(|sampling| sampling.max_tokens = most)?;
        } else {
            this.write()?;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(this.written.as_bytes());
        if let Some(version) = version {
            hasher.update(&version.to_le_bytes());
        }
        hasher.finalize_xof().fill(&mut this.base);
        Ok(this)
    }

    /// A request that was made ready elsewhere: nothing is added to it.
    pub(crate) fn as_sent(request: &'a ChatRequest) -> Result<Self> {
        let mut this = Self::of(request, String::new());
        this.write()?;
        Ok(this)
    }

    fn of(given: &'a ChatRequest, model: String) -> Self {
        Self { given, filled: None, start: model.len(), written: model, base: Key::default() }
    }

    /// The request as JSON.
    pub(super) fn json(&self) -> &str {
        &self.written[self.start..]
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
        let mut written = std::mem::take(&mut self.written).into_bytes();
        written.truncate(self.start);
        serde_json::to_writer(&mut written, self.request()).map_err(unwritable)?;
        self.written = String::from_utf8(written).expect("JSON is UTF-8");
        Ok(())
    }

    /// The key of the `nth` such request in a rollout of `attempt`.
    pub(super) fn key(&self, attempt: u32, nth: u32) -> Key {
        let mut all = [0; 32];
        all[..16].copy_from_slice(&self.base);
        all[16..20].copy_from_slice(&attempt.to_le_bytes());
        all[20..24].copy_from_slice(&nth.to_le_bytes());
        let seed = self.request().sampling.seed.unwrap_or(u64::MAX);
        all[24..].copy_from_slice(&seed.to_le_bytes());
        key_of(&all)
    }

    /// The most that the call can use: a token stands for at least one byte of the request.
    pub(super) fn bound(&self, price: Option<&Price>) -> Bound {
        let messages = &self.request().messages;
        let media =
            messages.iter().flat_map(|message| &message.content).filter(|block| is_media(block)).count();
        let usage = Usage {
            input_tokens: self.json().len() as u64
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

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Other, "the request cannot be written as JSON").with_source(error)
}
