//! Porter's stemmer (Porter 1980) with the extensions of NLTK, which rouge-score uses.
//!
//! The crates there are offer Snowball's English stemmer (Porter2), whose stems differ.

use std::borrow::Cow;

use Condition::{Always, Long, LongAfterSt, Positive};

/// Words whose stem no rule finds.
const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// What the stem before a suffix must be for the suffix to change.
#[derive(Clone, Copy)]
enum Condition {
    Always,
    /// Of a measure above 0.
    Positive,
    /// Of a measure above 1.
    Long,
    /// Of a measure above 1, ending in `s` or `t`.
    LongAfterSt,
}

/// A suffix, and what it becomes where the condition holds.
type Rule = (&'static str, &'static str, Condition);

const STEP_1A: [Rule; 4] =
    [("sses", "ss", Always), ("ies", "i", Always), ("ss", "ss", Always), ("s", "", Always)];

const STEP_2: [Rule; 21] = [
    ("ational", "ate", Positive),
    ("tional", "tion", Positive),
    ("enci", "ence", Positive),
    ("anci", "ance", Positive),
    ("izer", "ize", Positive),
    ("bli", "ble", Positive),
    ("alli", "al", Positive),
    ("entli", "ent", Positive),
    ("eli", "e", Positive),
    ("ousli", "ous", Positive),
    ("ization", "ize", Positive),
    ("ation", "ate", Positive),
    ("ator", "ate", Positive),
    ("alism", "al", Positive),
    ("iveness", "ive", Positive),
    ("fulness", "ful", Positive),
    ("ousness", "ous", Positive),
    ("aliti", "al", Positive),
    ("iviti", "ive", Positive),
    ("biliti", "ble", Positive),
    ("fulli", "ful", Positive),
];

const STEP_3: [Rule; 7] = [
    ("icate", "ic", Positive),
    ("ative", "", Positive),
    ("alize", "al", Positive),
    ("iciti", "ic", Positive),
    ("ical", "ic", Positive),
    ("ful", "", Positive),
    ("ness", "", Positive),
];

const STEP_4: [Rule; 19] = [
    ("al", "", Long),
    ("ance", "", Long),
    ("ence", "", Long),
    ("er", "", Long),
    ("ic", "", Long),
    ("able", "", Long),
    ("ible", "", Long),
    ("ant", "", Long),
    ("ement", "", Long),
    ("ment", "", Long),
    ("ent", "", Long),
    ("ion", "", LongAfterSt),
    ("ou", "", Long),
    ("ism", "", Long),
    ("ate", "", Long),
    ("iti", "", Long),
    ("ous", "", Long),
    ("ive", "", Long),
    ("ize", "", Long),
];

/// The stem of `word`, lower-case ASCII letters and digits; of at most three, the word itself.
pub(super) fn stem(word: &str) -> Cow<'_, str> {
    if word.len() <= 3 {
        return word.into();
    }
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word) {
        return (*stem).into();
    }
    let word = third_person(word);
    let word = final_y(past_or_gerund(word));
    let word = apply(derived(word), &STEP_3);
    let word = apply(word, &STEP_4);
    Cow::Owned(double_l(final_e(word)))
}

/// Step 1a; `dies` becomes `die`, but `flies` becomes `fli`.
fn third_person(word: &str) -> String {
    match word.strip_suffix("ies") {
        Some(stem) if stem.len() == 1 => format!("{stem}ie"),
        _ => apply(word.to_owned(), &STEP_1A),
    }
}

/// Step 1b.
fn past_or_gerund(word: String) -> String {
    if let Some(stem) = word.strip_suffix("ied") {
        return if stem.len() == 1 { format!("{stem}ie") } else { format!("{stem}i") };
    }
    if let Some(stem) = word.strip_suffix("eed") {
        return if measure(stem) > 0 { format!("{stem}ee") } else { word };
    }
    let stem = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing"));
    match stem.filter(|stem| consonants(stem).contains(&false)) {
        Some(stem) => mended(stem.to_owned()),
        None => word,
    }
}

/// The second half of step 1b: `hopp` becomes `hop`, `fil` becomes `file`.
fn mended(mut stem: String) -> String {
    if ["at", "bl", "iz"].iter().any(|suffix| stem.ends_with(suffix)) {
        stem.push('e');
    } else if ends_in_double_consonant(&stem) {
        if !stem.ends_with(['l', 's', 'z']) {
            stem.pop();
        }
    } else if measure(&stem) == 1 && ends_in_cvc(&stem) {
        stem.push('e');
    }
    stem
}

/// Step 1c: `happy` becomes `happi`, but `enjoy` stays.
fn final_y(word: String) -> String {
    match word.strip_suffix('y') {
        Some(stem) if stem.len() > 1 && consonants(stem).ends_with(&[true]) => format!("{stem}i"),
        _ => word,
    }
}

/// Step 2; `alli` goes first, and what is left goes through the step again.
fn derived(word: String) -> String {
    if let Some(stem) = word.strip_suffix("alli").filter(|stem| measure(stem) > 0) {
        return derived(format!("{stem}al"));
    }
    match word.strip_suffix("ogi") {
        Some(stem) if stem.ends_with('l') && measure(stem) > 0 => format!("{stem}og"),
        _ => apply(word, &STEP_2),
    }
}

/// Step 5a.
fn final_e(word: String) -> String {
    let Some(stem) = word.strip_suffix('e') else { return word };
    match measure(stem) {
        0 => word,
        1 if ends_in_cvc(stem) => word,
        _ => stem.to_owned(),
    }
}

/// Step 5b.
fn double_l(word: String) -> String {
    match word.strip_suffix('l') {
        Some(stem) if stem.ends_with('l') && measure(stem) > 1 => stem.to_owned(),
        _ => word,
    }
}

/// The first rule whose suffix `word` has decides, whether its condition holds or not.
fn apply(word: String, rules: &[Rule]) -> String {
    let found = rules.iter().find_map(|(suffix, replacement, condition)| {
        word.strip_suffix(suffix).map(|stem| (stem, *replacement, *condition))
    });
    let Some((stem, replacement, condition)) = found else { return word };
    let holds = match condition {
        Always => true,
        Positive => measure(stem) > 0,
        Long => measure(stem) > 1,
        LongAfterSt => measure(stem) > 1 && stem.ends_with(['s', 't']),
    };
    if holds { format!("{stem}{replacement}") } else { word }
}

/// For each letter whether it is a consonant; `y` is one unless it follows one.
fn consonants(word: &str) -> Vec<bool> {
    let mut flags: Vec<bool> = Vec::with_capacity(word.len());
    for letter in word.bytes() {
        flags.push(match letter {
            b'a' | b'e' | b'i' | b'o' | b'u' => false,
            b'y' => !flags.last().copied().unwrap_or(false),
            _ => true,
        });
    }
    flags
}

/// How often a vowel is followed by a consonant.
fn measure(stem: &str) -> usize {
    consonants(stem).windows(2).filter(|pair| **pair == [false, true]).count()
}

fn ends_in_double_consonant(word: &str) -> bool {
    matches!(word.as_bytes(), [.., one, other] if one == other) && consonants(word).ends_with(&[true])
}

/// Consonant, vowel, consonant other than `w`, `x`, `y`; of a word of two letters, vowel and consonant.
fn ends_in_cvc(word: &str) -> bool {
    match consonants(word).as_slice() {
        [false, true] => true,
        [.., true, false, true] => !word.ends_with(['w', 'x', 'y']),
        _ => false,
    }
}
