//! `tojson` as `transformers` defines it: Python's `json.dumps` with its separators, and no escapes for HTML.

use std::fmt::Write;

use minijinja::{
    Error, ErrorKind,
    value::{Kwargs, Value, ValueKind},
};

/// The filter: `value|tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let style = Style::read(&options)?;
    options.assert_all_used()?;
    let mut out = String::new();
    style.write(&mut out, value, 0)?;
    Ok(out)
}

struct Style {
    ascii: bool,
    sorted: bool,
    /// One level of indentation; none writes everything on one line.
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
}

impl Style {
    fn read(options: &Kwargs) -> Result<Self, Error> {
        let indent = match options.get::<Option<Value>>("indent")? {
            None => None,
            Some(indent) if indent.is_none() => None,
            Some(indent) => Some(match indent.as_str() {
                Some(text) => text.to_owned(),
                None => " ".repeat(usize::try_from(indent)?),
            }),
        };
        let (item_separator, key_separator) = match options.get::<Option<Vec<String>>>("separators")? {
            Some(separators) => <[String; 2]>::try_from(separators)
                .map(|[item, key]| (item, key))
                .map_err(|_| fault("`separators` must be two strings"))?,
            None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        };
        Ok(Self {
            ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
            sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
            indent,
            item_separator,
            key_separator,
        })
    }

    fn write(&self, out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
        match value.kind() {
            ValueKind::Map => self.write_map(out, value, depth),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<_> = value.try_iter()?.collect();
                self.write_items(out, ['[', ']'], &items, depth, |out, item| self.write(out, item, depth + 1))
            }
            _ => {
                match value.as_str() {
                    Some(text) => self.write_text(out, text),
                    None => out.push_str(&scalar(value)?),
                }
                Ok(())
            }
        }
    }

    fn write_map(&self, out: &mut String, map: &Value, depth: usize) -> Result<(), Error> {
        let mut entries = Vec::new();
        for key in map.try_iter()? {
            let name = key.as_str().map_or_else(|| scalar(&key), |name| Ok(name.to_owned()))?;
            entries.push((name, map.get_item(&key)?));
        }
        if self.sorted {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
        }
        self.write_items(out, ['{', '}'], &entries, depth, |out, (name, value)| {
            self.write_text(out, name);
            out.push_str(&self.key_separator);
            self.write(out, value, depth + 1)
        })
    }

    fn write_items<T>(
        &self,
        out: &mut String,
        [open, close]: [char; 2],
        items: &[T],
        depth: usize,
        mut write: impl FnMut(&mut String, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(&self.item_separator);
            }
            self.break_line(out, depth + 1);
            write(out, item)?;
        }
        if !items.is_empty() {
            self.break_line(out, depth);
        }
        out.push(close);
        Ok(())
    }

    fn break_line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn write_text(&self, out: &mut String, text: &str) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\0'..='\u{1f}' => push_escape(out, character as u16),
                '\u{7f}'.. if self.ascii && character != '\u{7f}' => {
                    character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| push_escape(out, *unit));
                }
                _ => out.push(character),
            }
        }
        out.push('"');
    }
}

fn push_escape(out: &mut String, unit: u16) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\u{unit:04x}");
}

/// A scalar that is no string.
fn scalar(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::None => Ok("null".into()),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.into()),
        ValueKind::Number => Ok(match python_float(value).as_deref() {
            None => value.to_string(),
            Some("nan") => "NaN".into(),
            Some("inf") => "Infinity".into(),
            Some("-inf") => "-Infinity".into(),
            Some(number) => number.into(),
        }),
        kind => Err(fault(format!("a value of type {kind} is not JSON serializable"))),
    }
}

/// Python's text of a float, none for other values: Rust's shortest form, but `1e-07` for `1e-7` and `1e+16` for `1e16`.
pub(super) fn python_float(value: &Value) -> Option<String> {
    if value.kind() != ValueKind::Number || value.is_integer() {
        return None;
    }
    let number = f64::try_from(value.clone()).ok()?;
    let shortest = format!("{number:?}");
    Some(match shortest.split_once('e') {
        Some((mantissa, exponent)) => format!("{mantissa}e{:+03}", exponent.parse::<i32>().ok()?),
        None => shortest.to_lowercase(),
    })
}

fn fault(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
