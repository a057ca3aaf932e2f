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
    fn a_typing_error_is_guessed() {
        assert_eq!(
            did_you_mean("sovle", ["judge", "solve"]),
            "did you mean `solve`? There are: judge, solve"
        );
        assert_eq!(did_you_mean("xyz", ["judge", "solve"]), "there are: judge, solve");
        assert_eq!(did_you_mean("xyz", []), "there are none");
    }
}
