//! JSON files: an array of objects (or of strings, which become the column `text`), or objects one after another.
//!
//! As `datasets` does, the first byte decides and not the name, except that only `.json` may spread an object over
//! several lines. Either way one row is in memory at a time.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use super::{MAX_ROW_BYTES, RawRow, Reader, fault_at, input::Input, json_lines::JsonLines, scanner::Scanner};
use crate::{
    dataset::{preview::JsonType, row::Place},
    error::{Error, Result},
};

/// Opens JSON of either kind. `document`: the name says `.json`, not `.jsonl`.
pub(super) fn open(mut input: Input, file: Arc<Path>, document: bool) -> Result<Box<dyn Reader>> {
    let first = input.fill_buf().map_err(|error| super::unreadable(&file, 0, error))?.first().copied();
    if !document && first != Some(b'[') {
        return Ok(Box::new(JsonLines::new(input, file)));
    }
    let mut scanner = Scanner::new(input, file, MAX_ROW_BYTES);
    let is_array = scanner.peek()? == Some(b'[');
    Ok(Box::new(Values { scanner, is_array, taken: 0 }))
}

struct Values {
    scanner: Scanner,
    is_array: bool,
    /// Rows taken so far.
    taken: u64,
}

impl Values {
    /// Passes what stands between two values; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        if !self.is_array {
            return Ok(self.scanner.peek()?.is_some());
        }
        let opening = if self.taken == 0 { b'[' } else { b',' };
        match self.scanner.peek()? {
            Some(byte) if byte == opening => self.scanner.pass(byte),
            Some(b']') if self.taken > 0 => return self.close(),
            _ => return Err(self.scanner.fault("expected `,` or `]`; the list is cut short or malformed")),
        }
        match self.scanner.peek()? {
            Some(b']') if self.taken == 0 => self.close(),
            Some(b']') => Err(self.scanner.fault("a comma with no row behind it; remove it")),
            Some(_) => Ok(true),
            None => Err(self.scanner.fault("the list is cut short; write the file again")),
        }
    }

    fn close(&mut self) -> Result<bool> {
        self.scanner.pass(b']');
        match self.scanner.peek()? {
            None => {
                // From here on it is an empty stream of objects.
                self.is_array = false;
                self.taken = self.taken.max(1);
                Ok(false)
            }
            Some(_) => Err(self.scanner.fault("text after the list; keep one list a file")),
        }
    }

    /// Refuses `{"data": [{…}, …]}` as the whole of a file.
    fn check_wrapper(&mut self, value: &Value) -> Result<()> {
        let Value::Object(fields) = value else { return Ok(()) };
        let is_rows = |value: &Value| {
            value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
        };
        let mut lists = fields.iter().filter(|(_, value)| is_rows(value));
        let (Some((name, _)), None) = (lists.next(), lists.next()) else { return Ok(()) };
        if self.scanner.peek()?.is_some() {
            return Ok(());
        }
        Err(fault_at(
            &self.scanner.file,
            1,
            1,
            format_args!(
                "the file is one object whose field `{name}` is a list; to read the list as rows, write it alone; \
                 to read the object as one row, name the file .jsonl and put it on one line"
            ),
        ))
    }

    fn row(&self, line: u64, value: Value) -> Result<RawRow> {
        let place = Place::Line(line);
        match value {
            Value::Object(_) => Ok(RawRow { value, place }),
            Value::String(text) if self.is_array => Ok(RawRow { value: json!({ "text": text }), place }),
            other => Err(fault_at(&self.scanner.file, line, 1, not_a_row(&other))),
        }
    }
}

impl Reader for Values {
    fn next_row(&mut self) -> Result<Option<RawRow>> {
        if !self.advance()? {
            return Ok(None);
        }
        let (line, value) = self.scanner.value()?;
        if self.taken == 0 && !self.is_array {
            self.check_wrapper(&value)?;
        }
        self.taken += 1;
        self.row(line, value).map(Some)
    }

    fn skip_row(&mut self) -> Result<bool> {
        if !self.advance()? {
            return Ok(false);
        }
        self.scanner.skip()?;
        self.taken += 1;
        Ok(true)
    }
}

/// What the parser found, without the place, which the caller knows better.
pub(super) fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let remedy =
        if error.is_eof() { "the row is cut short; complete or remove it" } else { "correct the row" };
    format!("{text}; {remedy}")
}

pub(super) fn not_a_row(value: &Value) -> String {
    format!("a row must be an object, this is {}; wrap it as {{\"text\": …}}", JsonType::of(value))
}

pub(super) fn too_large(file: &Path, line: u64, max: usize) -> Error {
    fault_at(file, line, 1, format_args!("the row is longer than {max} bytes; is it one object a line?"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read_as(bytes: &[u8], document: bool) -> Result<Vec<(Value, Place)>> {
        let mut reader = open(Box::new(Cursor::new(bytes.to_vec())), Path::new("x.json").into(), document)?;
        std::iter::from_fn(|| reader.next_row().transpose())
            .map(|row| row.map(|r| (r.value, r.place)))
            .collect()
    }

    fn read(text: &str) -> Result<Vec<(Value, Place)>> {
        read_as(text.as_bytes(), true)
    }

    #[test]
    fn an_array_is_read_by_element() {
        let rows = read("[ {\"a\": \"]},\\\"\"},\n\n{\"a\": [1, {}]}\n] \n").unwrap();
        assert_eq!(rows, [(json!({"a": "]},\""}), Place::Line(1)), (json!({"a": [1, {}]}), Place::Line(3))]);
        assert_eq!(read("[\"x\", \"y\"]").unwrap()[1].0, json!({"text": "y"}));
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn objects_may_spread_over_lines() {
        let rows = read("{\n \"a\": 1\n}\n{\"a\": 2}\n").unwrap();
        assert_eq!(rows, [(json!({"a": 1}), Place::Line(1)), (json!({"a": 2}), Place::Line(4))]);
    }

    #[test]
    fn a_wrapped_list_says_what_to_do() {
        let text = read("{\"version\": 1, \"data\": [{\"a\": 1}]}").unwrap_err().to_string();
        assert!(text.contains("field `data` is a list"), "{text}");
        assert_eq!(read("{\"data\": [{\"a\": 1}]}\n{\"data\": []}").unwrap().len(), 2);
        assert_eq!(read_as(b"{\"data\": [{\"a\": 1}]}", false).unwrap().len(), 1);
    }

    #[test]
    fn faults_name_line_and_column() {
        let cases = [
            ("[{\"a\": 1}\n {\"a\": 2}]", "x.json:2:2: expected `,` or `]`"),
            ("[{\"a\": 1},\n {\"a\" 2}]", "x.json:2:7: expected `:`"),
            ("[{\"a\": 1}, ]", "x.json:1:12: a comma"),
            ("[{\"a\": 1}", "x.json:1:10: expected `,`"),
            ("[{\"a\": 1}] x", "x.json:1:12: text after the list"),
            ("[1]", "x.json:1:1: a row must be an object, this is an integer"),
            ("{\n\"a\": x}", "x.json:2:6: expected value"),
            ("{\"a\": 1", "x.json:1:7: EOF while parsing"),
        ];
        for (text, start) in cases {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), document: bool) {
            let _ = read_as(&bytes, document);
        }

        #[test]
        fn any_brackets_are_read_or_refused(text in "[\\[\\]{}\",:a1\\\\ \n]{0,40}", document: bool) {
            let _ = read_as(text.as_bytes(), document);
        }

        #[test]
        fn skipping_counts_what_reading_reads(texts in prop::collection::vec(any::<String>(), 0..5), array: bool) {
            let rows: Vec<Value> = texts.iter().map(|text| json!({ "t": text, "n": [{}] })).collect();
            let text = if array {
                Value::from(rows.clone()).to_string()
            } else {
                rows.iter().map(|row| format!("{row:#}\n")).collect()
            };
            prop_assume!(array || rows.len() > 1);
            let input: Input = Box::new(Cursor::new(text.clone().into_bytes()));
            let mut reader = open(input, Path::new("x.json").into(), true).unwrap();
            let mut skipped = 0;
            while reader.skip_row().unwrap() {
                skipped += 1;
            }
            prop_assert_eq!(skipped, rows.len());
            let read: Vec<_> = read(&text).unwrap().into_iter().map(|row| row.0).collect();
            prop_assert_eq!(read, rows);
        }
    }
}
