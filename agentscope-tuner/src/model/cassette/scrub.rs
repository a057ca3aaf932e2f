//! Finds API keys by their shape.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// OpenAI, Anthropic, DeepSeek and DashScope; Google; Hugging Face; GitHub; and whatever follows `Bearer`.
static KEYS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let shapes = [
        r"\bsk-[A-Za-z0-9_-]{16,}",
        r"\bAIza[A-Za-z0-9_-]{35}",
        r"\bhf_[A-Za-z0-9]{30,}",
        r"\bgh[pousr]_[A-Za-z0-9]{36,}",
        r"\bBearer [A-Za-z0-9._~+/-]{20,}",
    ];
    Regex::new(&shapes.join("|")).ok()
});

/// `text` with each key replaced.
pub(super) fn keys(text: &str) -> Cow<'_, str> {
    match &*KEYS {
        Some(keys) => keys.replace_all(text, "[key]"),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_replaced_and_words_are_not() {
        let text =
            "use sk-proj-0123456789abcdef, Bearer abcdefghijklmnopqrstuv or task-force-one-two-three-four";
        assert_eq!(keys(text), "use [key], [key] or task-force-one-two-three-four");
        assert!(KEYS.is_some());
    }
}
