//! The tokenizer `13a` of WMT (mteval-v13a), for languages that separate words by spaces.

use std::sync::LazyLock;

use regex::Regex;

/// Text that stands for itself or for nothing, before words are split.
const ENTITIES: [(&str, &str); 7] = [
    ("<skipped>", ""),
    ("-\n", ""),
    ("\n", " "),
    ("&quot;", "\""),
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
];

/// Where spaces come in, in this order.
static SPLITS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // Every ASCII punctuation mark but `'`, `,`, `-` and `.`.
        (r##"([!"#$%&()*+/:;<=>?@\[\\\]^_`{|}\x7E])"##, " $1 "),
        // Full stop and comma that follow no digit.
        (r"([^0-9])([.,])", "$1 $2 "),
        // Full stop and comma before no digit.
        (r"([.,])([^0-9])", " $1 $2"),
        // A dash after a digit.
        (r"([0-9])(-)", "$1 $2 "),
    ]
    .iter()
    .filter_map(|(pattern, spaced)| Some((Regex::new(pattern).ok()?, *spaced)))
    .collect()
});

/// The tokens of `text`.
pub(super) fn tokenize(text: &str) -> Vec<String> {
    let text = ENTITIES.iter().fold(text.trim_end().to_owned(), |text, (from, to)| text.replace(from, to));
    // Spaces at both ends let the patterns see the first and the last character.
    let text = SPLITS.iter().fold(format!(" {text} "), |text, (pattern, spaced)| {
        pattern.replace_all(&text, *spaced).into_owned()
    });
    text.split_whitespace().map(str::to_owned).collect()
}
