//! JSON inside a page.

use serde::Serialize;

use crate::error::Result;

/// `value` as JSON that no HTML parser takes for anything but text: a `</script>` inside it stays data.
///
/// The characters stand only inside strings, where their escapes mean the same. The line separators are text in JSON, but
/// were line ends in older scripts.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    let plain = serde_json::to_string(value)?;
    let mut safe = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => safe.push(letter),
        }
    }
    Ok(safe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_comes_back_and_none_looks_like_markup(text in ".*") {
            let hostile = format!("{text}</script><!--<script>{text}\u{2028}&amp;");
            let embedded = json(&hostile).unwrap();
            let unsafe_letter = embedded.find(['<', '>', '&', '\u{2028}']);
            prop_assert_eq!(unsafe_letter, None);
            prop_assert_eq!(serde_json::from_str::<String>(&embedded).unwrap(), hostile);
        }
    }
}
