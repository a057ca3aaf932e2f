//! Where in an answer its result stands.

use regex::Regex;

/// The content of the last `\boxed{…}` of `text`, braces inside it balanced.
///
/// ```
/// use agentscope_tuner::judge::builtin::boxed;
/// assert_eq!(boxed(r"so \boxed{\frac{1}{2}}."), Some(r"\frac{1}{2}"));
/// assert_eq!(boxed("so 1/2"), None);
/// ```
pub fn boxed(text: &str) -> Option<&str> {
    const OPENING: &str = r"\boxed{";
    let inside = &text[text.rfind(OPENING)? + OPENING.len()..];
    let mut depth = 1_usize;
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&inside[..at]);
        }
    }
    None
}

/// The first group of the last match of `pattern`, or the whole match where it has no group.
///
/// ```
/// use agentscope_tuner::judge::builtin::last_match;
/// let marker = regex::Regex::new(r"####\s*(\S+)").unwrap();
/// assert_eq!(last_match("7 x 6\n#### 42", &marker), Some("42"));
/// ```
pub fn last_match<'a>(text: &'a str, pattern: &Regex) -> Option<&'a str> {
    let groups = pattern.captures_iter(text).last()?;
    groups.get(1).or_else(|| groups.get(0)).map(|found| found.as_str())
}
