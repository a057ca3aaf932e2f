//! Tokenizers that are written down rather than learnt, for models that are made from nothing.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{checkpoint::write_json, error::Result};

/// A vocabulary: every text is a token, its place the id. Longer ones are found first, and what none of them covers is
/// spelled with those of one character; characters that are no token are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpelledVocabulary {
    /// Ids from 0, each text once.
    pub tokens: Vec<String>,
    /// How many of the first ones are special: never written by a user, and skipped where text is wanted.
    pub special: usize,
    /// Id that ends a reply.
    pub eos: u32,
    /// Id that fills rows of a batch.
    pub pad: u32,
}

impl SpelledVocabulary {
    /// Writes `tokenizer.json` and `tokenizer_config.json`, which transformers loads too.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn save(&self, directory: impl AsRef<Path>) -> Result<()> {
        let directory = directory.as_ref();
        write_json(&directory.join("tokenizer.json"), &self.tokenizer())?;
        let text = |id: u32| self.tokens.get(id as usize).map_or("", String::as_str);
        let settings = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": text(self.eos),
            "pad_token": text(self.pad),
            "clean_up_tokenization_spaces": false,
        });
        write_json(&directory.join("tokenizer_config.json"), &settings)
    }

    fn tokenizer(&self) -> Value {
        let long = self.tokens.iter().enumerate().filter(|(_, text)| text.chars().count() > 1);
        let added = long.map(|(id, text)| {
            json!({
                "id": id, "content": text, "special": id < self.special, "normalized": false,
                "lstrip": false, "rstrip": false, "single_word": false,
            })
        });
        let ids: Map<String, Value> =
            self.tokens.iter().enumerate().map(|(id, text)| (text.clone(), id.into())).collect();
        json!({
            "version": "1.0",
            "added_tokens": added.collect::<Vec<_>>(),
            "decoder": { "type": "Fuse" },
            "model": { "type": "BPE", "vocab": ids, "merges": [] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Tokenizer;

    #[test]
    fn words_are_one_token_and_the_rest_is_spelled() {
        let tokens = ["<pad>", "<end>", "a", "d", "t", " ", "add", " data"].map(str::to_owned).to_vec();
        let directory = tempfile::tempdir().unwrap();
        SpelledVocabulary { tokens, special: 2, eos: 1, pad: 0 }.save(directory.path()).unwrap();
        let tokenizer = Tokenizer::open(directory.path(), 8).unwrap();
        let ids = tokenizer.encode("add data dad<end>", false).unwrap();
        assert_eq!(ids, [6, 7, 5, 3, 2, 3, 1]);
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), "add data dad");
        assert_eq!(tokenizer.special_tokens().eos.as_ref().unwrap().0, 1);
    }
}
