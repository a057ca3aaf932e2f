//! Finding tags in text that arrives in pieces.

pub(super) const THINK: &str = "<think>";
pub(super) const END_THINK: &str = "</think>";
pub(super) const TOOL_CALL: &str = "<tool_call>";
pub(super) const END_TOOL_CALL: &str = "</tool_call>";
pub(super) const TOOL_CALLS: &str = "[TOOL_CALLS]";
pub(super) const PYTHON_TAG: &str = "<|python_tag|>";

/// The first of `tags` in `text`, and where it begins.
pub(super) fn first<'a>(text: &str, tags: &[&'a str]) -> Option<(usize, &'a str)> {
    tags.iter().filter_map(|tag| Some((text.find(tag)?, *tag))).min()
}

/// How much of the start of `text` can be shown: the rest may be the start of a tag, or white space before one.
pub(super) fn showable(text: &str, tags: &[&str]) -> usize {
    let is_start = |at: &usize| tags.iter().any(|tag| tag.starts_with(&text[*at..]));
    let tag_start = text.char_indices().map(|(at, _)| at).find(is_start).unwrap_or(text.len());
    text[..tag_start].trim_end().len()
}
