//! What the tokens of a model spell, without the model.

use std::path::Path;

use super::policy::tokenizer::Tokenizer;
use crate::error::{Error, ErrorKind, Result};

/// The vocabulary of a Hugging Face directory.
#[derive(Clone)]
pub struct Spelling(Tokenizer);

impl Spelling {
    /// Reads the tokenizer in `directory`, and no weights.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it is missing or malformed.
    pub fn open(directory: &Path) -> Result<Self> {
        // Only a model that is run needs a row for each id.
        Tokenizer::open(directory, usize::MAX).map(Self).map_err(|error| {
            let message = format!("the vocabulary in `{}` cannot be read", directory.display());
            Error::new(ErrorKind::Config, message).with_source(error)
        })
    }

    /// The text that each of `ids` adds, special tokens spelled out. A letter of several tokens stands with its last one.
    pub fn pieces(&self, ids: &[u32]) -> Vec<String> {
        let mut decoder = self.0.decoder(false);
        let mut pieces: Vec<String> = ids.iter().map(|id| decoder.push(*id).to_owned()).collect();
        if let Some(last) = pieces.last_mut() {
            last.push_str(decoder.finish());
        }
        pieces
    }
}

impl std::fmt::Debug for Spelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spelling").field("tokens", &self.0.vocab_size()).finish()
    }
}
