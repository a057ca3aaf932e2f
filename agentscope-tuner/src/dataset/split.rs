//! Split expressions: `train`, `train[:100]`, `train[10%:20%]`, `train+test`, `all`.
//!
//! The grammar and the rounding are those of `datasets.ReadInstruction`, with two differences: a slice that
//! mixes rows with per cent is an error instead of being read as per cent throughout, and so is a slice without
//! rows.

use crate::error::{Error, ErrorKind, Result};

/// A sum of slices, in the order in which they are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SplitExpression(pub(super) Vec<Slice>);

/// A part of one split.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slice {
    pub(super) split: String,
    from: Option<Bound>,
    to: Option<Bound>,
    rounding: Rounding,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Rows(i64),
    Percent(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rounding {
    /// To the nearest row, ties to even, as Python's `round` does.
    Closest,
    /// Whole multiples of one per cent of the rows, dropping the rest.
    DropRemainder,
}

const REMEDY: &str = "write `train`, `train[:100]`, `train[-100:]`, `train[10%:20%]` or `train+test`";

impl SplitExpression {
    /// Reads `text`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is not a split expression.
    pub(super) fn parse(text: &str) -> Result<Self> {
        text.split('+').map(|part| Slice::parse(part.trim())).collect::<Result<_>>().map(Self)
    }
}

impl Slice {
    /// All rows of `split`.
    pub(super) fn whole(split: impl Into<String>) -> Self {
        Self { split: split.into(), from: None, to: None, rounding: Rounding::Closest }
    }

    fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| usage(format!("`{text}` is not a split: {why}; {REMEDY}"));
        let (rest, rounding) = match text.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
            Some((rest, "closest")) => (rest, Rounding::Closest),
            Some((rest, "pct1_dropremainder")) => (rest, Rounding::DropRemainder),
            Some((_, other)) => return Err(wrong(&format!("unknown rounding `{other}`"))),
            None => (text, Rounding::Closest),
        };
        let (name, range) = match rest.strip_suffix(']') {
            Some(inner) => inner.split_once('[').ok_or_else(|| wrong("`]` without `[`"))?,
            None => (rest, ":"),
        };
        if !is_split_name(name) {
            return Err(wrong("the name may hold letters, digits, `_` and inner dots"));
        }
        let (from, to) = range.split_once(':').ok_or_else(|| wrong("a slice needs `:`"))?;
        let (from, to) = (Bound::parse(from).map_err(wrong)?, Bound::parse(to).map_err(wrong)?);
        if let (Some(Bound::Rows(_)), Some(Bound::Percent(_)))
        | (Some(Bound::Percent(_)), Some(Bound::Rows(_))) = (from, to)
        {
            return Err(wrong("it mixes rows with per cent"));
        }
        Ok(Self { split: name.into(), from, to, rounding })
    }

    /// Whether the rows have to be counted before [`Slice::range`] can be known.
    pub(super) fn needs_count(&self) -> bool {
        [self.from, self.to].iter().flatten().any(|bound| match bound {
            Bound::Rows(rows) => *rows < 0,
            Bound::Percent(_) => true,
        })
    }

    /// First row and the row after the last one (`None`: to the end of the split). `count` is the number of rows
    /// in the split and may be wrong, say 0, unless [`Slice::needs_count`].
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when `pct1_dropremainder` is asked of fewer than 100 rows.
    pub(super) fn range(&self, count: u64) -> Result<(u64, Option<u64>)> {
        let dropping = self.rounding == Rounding::DropRemainder;
        let percent = [self.from, self.to].iter().flatten().any(|bound| matches!(bound, Bound::Percent(_)));
        if dropping && percent && count < 100 {
            return Err(usage(format!(
                "pct1_dropremainder needs at least 100 rows, split `{}` has {count}; leave it out",
                self.split
            )));
        }
        let absolute = |bound: Bound| match bound {
            Bound::Rows(rows) => from_end(rows, count),
            Bound::Percent(percent) if dropping => from_end(percent * (count / 100) as i64, count),
            Bound::Percent(percent) => {
                from_end((percent as f64 * count as f64 / 100.0).round_ties_even() as i64, count)
            }
        };
        Ok((self.from.map_or(0, absolute), self.to.map(absolute)))
    }
}

fn from_end(position: i64, count: u64) -> u64 {
    if position < 0 { count.saturating_sub(position.unsigned_abs()) } else { position.unsigned_abs() }
}

impl Bound {
    fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        if text.is_empty() {
            return Ok(None);
        }
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let number: i64 = digits.replace('_', "").parse().map_err(|_| "a bound must be a whole number")?;
        match percent {
            true if number.abs() > 100 => Err("per cent must lie between -100 and 100"),
            true => Ok(Some(Self::Percent(number))),
            false => Ok(Some(Self::Rows(number))),
        }
    }
}

/// Whether `name` is a split name as `datasets` defines it: words, joined by dots.
pub(super) fn is_split_name(name: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.split('.').all(word)
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str, count: u64) -> (u64, Option<u64>) {
        SplitExpression::parse(text).unwrap().0[0].range(count).unwrap()
    }

    #[test]
    fn rows_and_per_cent() {
        assert_eq!(range("train", 10), (0, None));
        assert_eq!(range("train[:100]", 0), (0, Some(100)));
        assert_eq!(range("train[1_000:]", 0), (1000, None));
        assert_eq!(range("train[-3:-1]", 10), (7, Some(9)));
        assert_eq!(range("train[-30:]", 10), (0, None));
        assert_eq!(range("train[10%:20%]", 50), (5, Some(10)));
        assert_eq!(range("train[-10%:]", 50), (45, None));
    }

    /// Python: `[int(round(p * n / 100.0)) for p, n in [(50, 5), (50, 7), (33, 10), (25, 10), (35, 10)]]`.
    #[test]
    fn per_cent_rounds_half_to_even() {
        let ends = [(50, 5, 2), (50, 7, 4), (33, 10, 3), (25, 10, 2), (35, 10, 4)];
        for (percent, count, end) in ends {
            assert_eq!(range(&format!("train[:{percent}%]"), count), (0, Some(end)));
        }
    }

    #[test]
    fn drop_remainder_uses_whole_per_cents() {
        assert_eq!(range("train[10%:20%](pct1_dropremainder)", 250), (20, Some(40)));
        let slice = &SplitExpression::parse("train[:1%](pct1_dropremainder)").unwrap().0[0];
        assert_eq!(slice.range(99).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn sums_keep_their_order() {
        let sum = SplitExpression::parse("train[:2] + test+a.b").unwrap();
        let names: Vec<_> = sum.0.iter().map(|slice| slice.split.as_str()).collect();
        assert_eq!(names, ["train", "test", "a.b"]);
    }

    #[test]
    fn mistakes_name_the_remedy() {
        let wrong = [
            "",
            "train[",
            "train]",
            "train[5]",
            "train[a:]",
            "train[:101%]",
            "train[1:5%]",
            "a-b",
            "a+",
            "t(x)",
        ];
        for text in wrong {
            let error = SplitExpression::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            assert!(error.to_string().contains("write `train`"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z+%:\\[\\]()0-9_ -]{0,24}", count in 0u64..5000) {
            if let Ok(expression) = SplitExpression::parse(&text) {
                for slice in &expression.0 {
                    let _ = slice.range(count);
                }
            }
        }
    }
}
