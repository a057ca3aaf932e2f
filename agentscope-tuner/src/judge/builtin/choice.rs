//! Multiple choice.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    boxed,
    feedback::{quoted, wrong},
};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::Reward,
};

/// Options that a question can have: one for each letter.
const LETTERS: u8 = 26;

/// Where a letter stands, the surest place first. In each, the last match counts.
static PLACES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // "The answer is (B)", "Answer: **B**", "option B because"; but not "the answer is a dog" or "A dog".
        r"(?im:\b(?:answer|option|choice)\b(?:\s+(?:is|would\s+be|must\s+be))?\s*[:=]?\s*[*_(\[$]*(?:\\text\{)?)(?m:([A-Za-z])(?:[ \t]*$|[^\p{L}\p{N}\s'’])|([B-HJ-Z])\s|([AI])\s+(?:because|since)\b)",
        // The whole answer: "B", "(b)", "**B.**".
        r"\A\s*[*_(\[]*([A-Za-z])[*_)\].:]*\s*\z",
        // The beginning of the answer or of a line: "B) because", "(B) because", "B. because", "B: because".
        r"(?m)^\s*[*_]*[(\[]?([A-Z])[*_]*[)\].:](?:\s|[*_]|$)",
        // Anywhere, in brackets or emphasised: "so (B) it is", "so **B**".
        r"[(\[]([A-Z])[)\]]|\*\*([A-Z])\*\*",
        // The last word: "therefore B."
        r"\s([A-Z])[.!]?\s*\z",
    ]
    .iter()
    .filter_map(|place| Regex::new(place).ok())
    .collect()
});

/// The letter that `answer` chooses, in upper case, among the first `options` letters (at most 26).
///
/// Looked at, in this order: the last `\boxed{…}`; what follows "answer", "option" or "choice"; an answer that is one
/// letter; a line that begins `B)`, `(B)`, `B.` or `B:`; a letter in brackets or bold type; a letter as the last word.
/// Within each, the last letter that is an option counts, so that a change of mind does.
///
/// ```
/// use agentscope_tuner::judge::builtin::chosen_letter;
/// assert_eq!(chosen_letter("(B)", 4), Some('B'));
/// assert_eq!(chosen_letter("A dog barks. Answer: c.", 4), Some('C'));
/// assert_eq!(chosen_letter("A dog barks.", 4), None);
/// ```
pub fn chosen_letter(answer: &str, options: u8) -> Option<char> {
    let in_places = |text: &str| PLACES.iter().find_map(|place| last_option(text, place, options));
    let inside = boxed(answer).map(|inside| inside.replace(r"\text", "").replace(['{', '}'], ""));
    inside.and_then(|inside| in_places(&inside)).or_else(|| in_places(answer))
}

/// 1 when `answer` [chooses](chosen_letter) the letter of `reference` among `options` letters, else 0.
///
/// # Errors
/// [`ErrorKind::Judge`] when the reference names no such letter, [`ErrorKind::Config`] when `options` is not within 2
/// and 26.
pub fn choice(answer: &str, reference: &str, options: u8) -> Result<Reward> {
    if !(2..=LETTERS).contains(&options) {
        let message = format!("{options} options: a choice has 2 to {LETTERS}");
        return Err(Error::new(ErrorKind::Config, message));
    }
    let wanted = chosen_letter(reference, options).ok_or_else(|| {
        let message =
            format!("the reference {} names none of the first {options} letters", quoted(reference));
        Error::new(ErrorKind::Judge, message)
    })?;
    Ok(match chosen_letter(answer, options) {
        Some(letter) if letter == wanted => Reward::new(1.0),
        Some(letter) => wrong(format!("expected option {wanted}, but the answer chose {letter}")),
        None => wrong(format!(
            "expected option {wanted}, but the answer {} names no option: end it with \"Answer: {wanted}\"",
            quoted(answer)
        )),
    })
}

fn last_option(text: &str, place: &Regex, options: u8) -> Option<char> {
    let letters = place.captures_iter(text).filter_map(|groups| {
        let letter = groups.iter().skip(1).flatten().next()?.as_str().chars().next()?;
        Some(letter.to_ascii_uppercase())
    });
    letters.filter(|letter| (*letter as u32) < u32::from(b'A' + options.min(LETTERS))).last()
}
