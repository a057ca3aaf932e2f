//! Small helpers for messages to people.

use std::any::Any;

/// The nearest of `known` to `word`, and all of them: the end of a message about an unknown word.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    if known.is_empty() {
        return "there are none".to_owned();
    }
    let list = known.join(", ");
    match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`? There are: {list}"),
        None => format!("there are: {list}"),
    }
}

/// A number without needless digits: three behind the point, and three that count where it is small.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 324 digits")]
pub(crate) fn brief(number: f64) -> String {
    let zeros = if number == 0.0 { 0.0 } else { (-number.abs().log10()).ceil().clamp(1.0, 324.0) };
    let text = format!("{number:.*}", 2 + zeros.max(1.0) as usize);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// What a panic said, if it said anything.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> Option<&str> {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied())
}

/// The one of `known` that is most like `word`, if any is like it.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = |candidate: &&&str| strsim::damerau_levenshtein(word, candidate) <= word.len().max(3) / 3;
    known.iter().filter(close).min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_what_it_was_given() {
        assert_eq!(panic_message(&"plain"), Some("plain"));
        assert_eq!(panic_message(&String::from("made up")), Some("made up"));
        assert_eq!(panic_message(&7), None);
    }

    #[test]
    fn numbers_keep_the_digits_that_count() {
        let numbers = [0.0, 1.0, -120.0, 812.34567, 0.5, 0.1234567, -0.000_420_9, 1e-9, 1e21];
        let texts = [
            "0",
            "1",
            "-120",
            "812.346",
            "0.5",
            "0.123",
            "-0.000421",
            "0.000000001",
            "1000000000000000000000",
        ];
        assert_eq!(numbers.map(brief), texts);
    }

    #[test]
    fn a_typing_error_is_guessed() {
        assert_eq!(
            did_you_mean("sovle", ["judge", "solve"]),
            "did you mean `solve`? There are: judge, solve"
        );
        assert_eq!(did_you_mean("xyz", ["judge", "solve"]), "there are: judge, solve");
        assert_eq!(did_you_mean("xyz", []), "there are none");
    }
}
