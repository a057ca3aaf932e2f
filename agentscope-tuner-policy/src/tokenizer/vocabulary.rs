//! The bytes of every token, in one table.

use tokenizers::Tokenizer as Backend;

use super::rule::Rule;

/// What decoding needs to know about each id.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    /// Where in `bytes` each token ends.
    ends: Vec<usize>,
    special: Vec<bool>,
    /// Tokens beside the vocabulary proper, most of them markers too.
    added: Vec<bool>,
    rule: Rule,
}

impl Vocabulary {
    pub(super) fn new(backend: &Backend, rule: Rule) -> Self {
        let tokens = backend.get_vocab(true);
        let len = tokens.values().max().map_or(0, |largest| *largest as usize + 1);
        let mut spellings = vec![None; len];
        for (token, id) in &tokens {
            spellings[*id as usize] = Some(token.as_str());
        }
        let (mut special, mut added) = (vec![false; len], vec![false; len]);
        for (id, token) in backend.get_added_tokens_decoder() {
            special[id as usize] = token.special;
            added[id as usize] = true;
        }
        let mut table = Self { bytes: Vec::new(), ends: Vec::with_capacity(len), special, added, rule };
        for spelling in spellings {
            table.bytes.extend(spelling.map(|token| table.rule.bytes(token)).unwrap_or_default());
            table.ends.push(table.bytes.len());
        }
        table
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(end) = self.ends.get(id) else { return &[] };
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..*end]
    }

    pub(super) fn is_special(&self, id: u32) -> bool {
        self.special.get(id as usize).copied().unwrap_or(false)
    }

    pub(super) fn is_added(&self, id: u32) -> bool {
        self.added.get(id as usize).copied().unwrap_or(false)
    }

    /// How many of which byte are taken off the start of a text.
    pub(super) fn strip(&self) -> Option<(u8, usize)> {
        self.rule.strip
    }
}
