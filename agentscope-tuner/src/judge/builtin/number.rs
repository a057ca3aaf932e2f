//! Numbers as people and models write them.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::boxed;

/// A number found in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// As written: 50 for `50%`. Finite.
    pub value: f64,
    /// Whether a percent sign follows.
    pub percent: bool,
}

/// An unsigned decimal: thousands separated by commas or not, fraction, exponent.
const DECIMAL: &str = r"(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?";

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = format!(
        r"(?x)
        (?<sign>[-+])? (?:\$\s?)? (?<inner>[-+])?
        (?:
            (?<ones>\d+)? \s? \\frac\s?\{{ \s*(?<over>{DECIMAL})\s* \}}\s?\{{ \s*(?<under>{DECIMAL})\s* \}}
          | (?<whole>\d+) \s (?<part>\d+)/(?<parts>\d+)
          | (?<plain>{DECIMAL}) (?: \s?/\s? (?<divisor>{DECIMAL}) )?
        )
        (?: \s?(?:×|x|\*)\s?10\s?(?:\^|\*\*)\s?\{{?(?<power>[-+]?\d+)\}}? )?
        \s?(?<percent>%)?"
    );
    Regex::new(&pattern).ok()
});

/// The number that `text` ends on: the last one inside its last `\boxed{…}`, else the last one of all.
///
/// Read are signs, thousands separated by commas (`1,000`), decimals, exponents (`1e-3`, `2 × 10^{5}`), fractions
/// (`3/4`, `1 1/2`, `\frac{3}{4}`), dollar and percent signs. A comma never starts a decimal fraction. Digits inside a
/// word (`H2O`) are no number; a hyphen after a word or number (`5-10`, `GPT-4`) is no sign.
///
/// ```
/// use agentscope_tuner::judge::builtin::last_number;
/// let value = |text| last_number(text).map(|number| number.value);
/// assert_eq!(value("3 boxes of $1,250.50 are $3,751.50."), Some(3751.5));
/// assert_eq!(value(r"so \boxed{-\frac{3}{4}}, as on page 12"), Some(-0.75));
/// assert_eq!(value("none"), None);
/// ```
pub fn last_number(text: &str) -> Option<Number> {
    let within = |text: &str| {
        let text = unify(text);
        let pattern = NUMBER.as_ref()?;
        pattern.captures_iter(&text).filter_map(|groups| read(&text, &groups)).last()
    };
    boxed(text).and_then(within).or_else(|| within(text))
}

/// The same text with one spelling for what LaTeX and typography spell in several ways.
fn unify(text: &str) -> String {
    const SPELLINGS: [(&str, &str); 13] = [
        ("\u{2212}", "-"),
        ("\u{a0}", " "),
        ("\u{202f}", " "),
        ("{,}", ","),
        (r"\,", ""),
        (r"\!", ""),
        (r"\$", "$"),
        (r"\%", "%"),
        (r"\dfrac", r"\frac"),
        (r"\tfrac", r"\frac"),
        (r"\times", "×"),
        (r"\cdot", "×"),
        ("·", "×"),
    ];
    SPELLINGS.iter().fold(
        text.to_owned(),
        |text, (from, to)| {
            if text.contains(from) { text.replace(from, to) } else { text }
        },
    )
}

fn read(text: &str, groups: &Captures<'_>) -> Option<Number> {
    let before = text[..groups.get(0)?.start()].chars().next_back();
    let signed = groups.name("sign").is_some();
    let joined = before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    if joined && !signed {
        return None;
    }
    // After a word, a number or a bracket a hyphen joins or subtracts.
    let outer = groups.name("sign").filter(|_| !joined && !matches!(before, Some(')' | ']' | '}' | '%')));
    let negative = [outer, groups.name("inner")].iter().flatten().filter(|sign| sign.as_str() == "-").count();
    let power = match groups.name("power") {
        None => 0,
        Some(power) => power.as_str().parse().ok()?,
    };
    let value = magnitude(groups)? * 10_f64.powi(power);
    let value = if negative % 2 == 1 { -value } else { value };
    value.is_finite().then(|| Number { value, percent: groups.name("percent").is_some() })
}

fn magnitude(groups: &Captures<'_>) -> Option<f64> {
    let number =
        |name: &str| groups.name(name).and_then(|found| found.as_str().replace(',', "").parse().ok());
    let ratio = |over: &str, under: &str| -> Option<f64> {
        let value: f64 = number(over)? / number(under)?;
        value.is_finite().then_some(value)
    };
    if groups.name("over").is_some() {
        return Some(number("ones").unwrap_or_default() + ratio("over", "under")?);
    }
    if groups.name("whole").is_some() {
        return Some(number("whole")? + ratio("part", "parts")?);
    }
    if groups.name("divisor").is_some() { ratio("plain", "divisor") } else { number("plain") }
}
