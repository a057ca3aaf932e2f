//! Sets of token ids.

use toktrie::SimpleVob;

/// A set of token ids, a bit each.
#[derive(Clone, Debug)]
pub struct TokenSet(pub(super) SimpleVob);

impl TokenSet {
    /// Whether `id` is in it.
    pub fn contains(&self, id: u32) -> bool {
        (id as usize) < self.0.len() && self.0.is_allowed(id)
    }

    /// The ids in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter()
    }

    /// How many ids are in it.
    pub fn len(&self) -> usize {
        self.0.num_set()
    }

    /// Whether no id is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_zero()
    }

    /// Sets the logit of every id outside to −∞. There may be more logits than the vocabulary has ids.
    pub fn restrict(&self, logits: &mut [f32]) {
        for (id, logit) in logits.iter_mut().enumerate() {
            if !self.contains(id as u32) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    /// The set as bits, 32 ids a word, the lowest id in the lowest bit.
    pub fn as_words(&self) -> &[u32] {
        self.0.as_slice()
    }
}
