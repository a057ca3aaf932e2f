//! Decoding as tokens arrive.

use std::sync::Arc;

use super::vocabulary::Vocabulary;

/// Turns ids into text one at a time. What it has given out stays as it was: a character appears once all its bytes are
/// there, and bytes that can never become one appear as U+FFFD.
///
/// All pieces together are what [`Tokenizer::decode`](super::Tokenizer::decode) makes of all ids, as long as the bytes
/// are UTF-8.
#[derive(Clone, Debug)]
pub struct Decoder {
    vocabulary: Arc<Vocabulary>,
    skip_special: bool,
    /// How many of which byte may still be taken off the start.
    strip: Option<(u8, usize)>,
    /// The first bytes of a character whose others have not come.
    pending: Vec<u8>,
    /// What the last call gave out.
    text: String,
}

impl Decoder {
    pub(super) fn new(vocabulary: Arc<Vocabulary>, skip_special: bool) -> Self {
        let strip = vocabulary.strip();
        Self { vocabulary, skip_special, strip, pending: Vec::new(), text: String::new() }
    }

    /// The characters that `id` completes, often none.
    pub fn push(&mut self, id: u32) -> &str {
        self.text.clear();
        if !(self.skip_special && self.vocabulary.is_special(id)) {
            self.pending.extend_from_slice(self.vocabulary.bytes(id));
            self.strip_start();
            self.take_characters();
        }
        &self.text
    }

    /// The end: U+FFFD if a character is incomplete, else nothing.
    pub fn finish(&mut self) -> &str {
        self.text.clear();
        if !self.pending.is_empty() {
            self.text.push(char::REPLACEMENT_CHARACTER);
            self.pending.clear();
        }
        &self.text
    }

    fn strip_start(&mut self) {
        let Some((byte, most)) = self.strip else { return };
        let found = self.pending.iter().take(most).take_while(|found| **found == byte).count();
        self.pending.drain(..found);
        let rest = most - found;
        self.strip = (self.pending.is_empty() && rest > 0).then_some((byte, rest));
    }

    /// Moves whole characters from `pending` to `text`.
    fn take_characters(&mut self) {
        let mut taken = 0;
        for chunk in self.pending.utf8_chunks() {
            self.text.push_str(chunk.valid());
            taken += chunk.valid().len();
            let invalid = chunk.invalid();
            let at_end = taken + invalid.len() == self.pending.len();
            // The last bytes may be the start of a character; any others can never become one.
            if invalid.is_empty() || (at_end && is_prefix(invalid)) {
                break;
            }
            self.text.push(char::REPLACEMENT_CHARACTER);
            taken += invalid.len();
        }
        self.pending.drain(..taken);
    }
}

/// Whether more bytes could make `bytes` a character.
fn is_prefix(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
