//! What a proposer model wrote, taken out of its answer.

use std::collections::BTreeSet;

use regex::Regex;

/// The shortest fence that markdown knows.
const SHORTEST: usize = 3;

/// A fence that is longer than any in `texts`, to be written around them.
pub fn fence_around<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let longest = texts.into_iter().map(longest_run).max().unwrap_or_default();
    "`".repeat(SHORTEST.max(longest + 1))
}

/// The text between the outermost code fences of `answer`, without the blanks around it.
///
/// A line that starts with three backticks or more opens; the last line of at least as many backticks and nothing else
/// closes. `None` where there is no such pair, as in an answer that was cut, or nothing but blanks between them.
pub fn fenced(answer: &str) -> Option<&str> {
    let mut open: Option<(usize, usize)> = None;
    let mut close = None;
    let mut at = 0;
    for line in answer.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let line = line.trim();
        let ticks = line.len() - line.trim_start_matches('`').len();
        match open {
            None if ticks >= SHORTEST => open = Some((end, ticks)),
            Some((_, wanted)) if ticks >= wanted && ticks == line.len() => close = Some(start),
            _ => {}
        }
    }
    let text = answer.get(open?.0..close?)?.trim();
    (!text.is_empty()).then_some(text)
}

/// The placeholders of a template, such as `{question}`.
pub fn placeholders(text: &str) -> BTreeSet<&str> {
    // A constant expression: it was tried by the tests.
    let Ok(pattern) = Regex::new(r"\{\{?\s*[A-Za-z_][A-Za-z0-9_.]*\s*\}?\}") else { return BTreeSet::new() };
    pattern.find_iter(text).map(|found| found.as_str()).collect()
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chatter_around_the_block_is_left_out_and_blocks_within_it_stay() {
        assert_eq!(fenced("Sure!\n```\nBe brief.\n```\nDone."), Some("Be brief."));
        assert_eq!(
            fenced("```text\nWrite\n```json\n{}\n```\nonly\n```"),
            Some("Write\n```json\n{}\n```\nonly")
        );
        assert_eq!(fenced("````\nUse ``` marks\n```\n````"), Some("Use ``` marks\n```"));
    }

    #[test]
    fn nonsense_is_nothing() {
        for answer in ["", "Be brief.", "```\n\n```", "```\ncut off", "``` inline ```"] {
            assert_eq!(fenced(answer), None, "{answer:?}");
        }
    }

    #[test]
    fn placeholders_of_both_kinds_are_found() {
        let found = placeholders("Answer {question} with {{ tone }} and {\"json\": 1} {}");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["{question}", "{{ tone }}"]);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_its_fence(text in "[ -~\n`]{0,80}", before in "[a-z \n]{0,20}") {
            let fence = fence_around([text.as_str()]);
            let answer = format!("{before}\n{fence}\n{text}\n{fence}\nthat is all");
            let expected = Some(text.trim()).filter(|text| !text.is_empty());
            prop_assert_eq!(fenced(&answer), expected);
        }
    }
}
