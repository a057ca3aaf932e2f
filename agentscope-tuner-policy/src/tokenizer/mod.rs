//! Text to token ids and back: `tokenizer.json`, and what `tokenizer_config.json` adds to it.

mod decoder;
mod rule;
mod special;
mod spelled;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::{panic::AssertUnwindSafe, path::Path, sync::Arc};

use tokenizers::{AddedToken, Tokenizer as Backend};

pub use self::{
    decoder::Decoder,
    special::{SpecialToken, SpecialTokens},
    spelled::SpelledVocabulary,
};
use self::{rule::Rule, vocabulary::Vocabulary};
use crate::error::{Error, ErrorKind, Result};

/// The tokenizer of a checkpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    backend: Arc<Backend>,
    vocabulary: Arc<Vocabulary>,
    special: SpecialTokens,
}

impl Tokenizer {
    /// Reads `tokenizer.json` and, where there is one, `tokenizer_config.json` of a model directory.
    ///
    /// `embedding_rows` is the number of tokens that the model has an embedding for
    /// ([`vocab_size`](crate::PolicyConfig::vocab_size)); it may be larger than the vocabulary, since many models pad it.
    ///
    /// # Errors
    /// When a file is missing or malformed, its decoder is of a kind that no model of these families uses, or an id has
    /// no row in the embedding.
    pub fn open(directory: impl AsRef<Path>, embedding_rows: usize) -> Result<Self> {
        let directory = directory.as_ref();
        let path = directory.join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(|error| no_tokenizer(&path).with_source(error))?;
        let special = special::SpecialFile::read(directory)?;
        Self::new(&bytes, special, embedding_rows).map_err(|error| {
            let message = format!("the tokenizer in `{}` cannot be used", directory.display());
            Error::new(error.kind(), message).with_source(error)
        })
    }

    fn new(json: &[u8], special: special::SpecialFile, embedding_rows: usize) -> Result<Self> {
        let malformed = "tokenizer.json is malformed; download it again";
        let mut backend = caught(malformed, || Backend::from_bytes(json))?;
        // Both belong to the training of encoders: a prompt is neither cut nor filled up behind its owner's back.
        backend.with_padding(None);
        backend
            .with_truncation(None)
            .map_err(|error| fault("tokenizer.json has a faulty truncation").with_source(error))?;
        for (content, is_special) in &special.added {
            if backend.token_to_id(content).is_none() {
                backend.add_tokens(&[AddedToken::from(content.clone(), *is_special)]);
            }
        }
        let rule = Rule::of(&backend)?;
        let vocabulary = Vocabulary::new(&backend, rule);
        check_embedding(vocabulary.len(), embedding_rows)?;
        // What is added around each text is named by the file alone, so any text shows whether it can be.
        let around = caught(
            "tokenizer.json adds tokens to a text that it does not define; download it again",
            || backend.encode_fast("", true),
        )?;
        check_embedding(around.get_ids().iter().max().map_or(0, |id| *id as usize + 1), embedding_rows)?;
        let special = special.resolve(&backend)?;
        Ok(Self { backend: Arc::new(backend), vocabulary: Arc::new(vocabulary), special })
    }

    /// The ids of `text`. Special tokens spelled out in it are recognised; with `add_special_tokens` those that the
    /// model expects around a plain text (most often one at the start) are added.
    ///
    /// # Errors
    /// When the text contains something that the vocabulary cannot express, which byte-level vocabularies always can.
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        let encoding =
            caught("the text cannot be tokenized", || self.backend.encode_fast(text, add_special_tokens))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The ids of a conversation that a [chat template](crate::chat::ChatTemplate) rendered: its special tokens are in
    /// the text already, and none is added.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_chat(&self, rendered: &str) -> Result<Vec<u32>> {
        self.encode(rendered, false)
    }

    /// The text of `ids`, with special tokens spelled out or skipped. Bytes that are no UTF-8 become U+FFFD; ids outside
    /// the vocabulary are nothing.
    ///
    /// # Errors
    /// When the decoder of `tokenizer.json` fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        caught("the token ids cannot be decoded", || self.backend.decode(ids, skip_special))
    }

    /// A decoder that is given ids one at a time, as they are sampled.
    pub fn decoder(&self, skip_special: bool) -> Decoder {
        Decoder::new(Arc::clone(&self.vocabulary), skip_special)
    }

    /// One more than the largest id. Ids between may be unused.
    pub fn vocab_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// The id of a token in the spelling of the vocabulary, such as `<|im_end|>` or `Ġthe`.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.backend.token_to_id(token)
    }

    /// The token of an id, in the spelling of the vocabulary.
    pub fn token(&self, id: u32) -> Option<String> {
        self.backend.id_to_token(id)
    }

    /// The bytes that a token stands for: part of a UTF-8 text, perhaps within a character. Empty for unused ids.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.vocabulary.bytes(id)
    }

    /// Whether a token is special: a marker for the model, no text.
    pub fn is_special(&self, id: u32) -> bool {
        self.vocabulary.is_special(id)
    }

    /// Whether a token stands beside the vocabulary proper: every special one, and markers such as `<tool_call>`.
    pub fn is_added(&self, id: u32) -> bool {
        self.vocabulary.is_added(id)
    }

    /// The tokens that begin, end and fill sequences.
    pub fn special_tokens(&self) -> &SpecialTokens {
        &self.special
    }
}

/// What `work` of the crate comes to, with `message` where it fails. The crate panics on some faults of a file: fuzzing showed it
/// on a decoder of an unknown form, and on a template that names a token without defining it.
fn caught<T>(message: &str, work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
    // Nothing that the crate has half changed is used again: it only reads, but for caches that it may lose.
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| fault(message))?
        .map_err(|error| fault(message).with_source(error))
}

fn check_embedding(ids: usize, rows: usize) -> Result<()> {
    if ids <= rows {
        return Ok(());
    }
    Err(fault(format!(
        "the tokenizer has {ids} ids, but the embedding of the model only {rows} rows; take tokenizer.json and weights from \
         the same checkpoint"
    )))
}

fn no_tokenizer(path: &Path) -> Error {
    fault(format!(
        "cannot read `{}`; a checkpoint that only has tokenizer.model gets one from transformers' \
         `AutoTokenizer.from_pretrained(…).save_pretrained(…)`",
        path.display()
    ))
}

fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Tokenizer, message)
}
