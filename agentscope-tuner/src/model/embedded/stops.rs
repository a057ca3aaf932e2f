//! Texts at which an answer ends.

use std::sync::Arc;

/// Finds the first stop text in a text that comes in pieces.
#[derive(Clone, Debug)]
pub(super) struct Stops {
    texts: Arc<[String]>,
    held: String,
    found: bool,
}

impl Stops {
    pub(super) fn new(texts: &[String]) -> Self {
        let texts = texts.iter().filter(|text| !text.is_empty()).cloned().collect();
        Self { texts, held: String::new(), found: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether a stop text has come.
    pub(super) fn found(&self) -> bool {
        self.found
    }

    /// What of the text so far can no longer be part of a stop text.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.found {
            return String::new();
        }
        self.held.push_str(piece);
        if let Some(at) = self.texts.iter().filter_map(|stop| self.held.find(&**stop)).min() {
            self.found = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let kept = self.texts.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        std::mem::replace(&mut self.held, rest)
    }

    /// The end of the text: what was held back is no stop text.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` with which `stop` begins, but is not complete.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len() - 1);
    (1..=longest).rev().find(|&length| text.as_bytes().ends_with(&stop.as_bytes()[..length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is let through, however the text is cut into pieces.
    fn through(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut stops = Stops::new(&stops.iter().map(|&stop| stop.to_owned()).collect::<Vec<_>>());
        let mut text: String = pieces.iter().map(|piece| stops.push(piece)).collect();
        text += &stops.finish();
        (text, stops.found())
    }

    #[test]
    fn the_first_stop_text_ends_it() {
        assert_eq!(through(&["\n\n", "END"], &["one", "\n", "two\n", "\nthree"]), ("one\ntwo".into(), true));
        assert_eq!(through(&["END"], &["E", "N", "EN", "D and more"]), ("EN".into(), true));
        assert_eq!(through(&["END"], &["the EN"]), ("the EN".into(), false));
        assert_eq!(through(&[], &["a", "b"]), ("ab".into(), false));
        assert_eq!(through(&["é!"], &["caf", "é", "?"]), ("café?".into(), false));
    }
}
