//! JSON lines: one object a line. Lines of nothing but white space are passed over.

use std::{
    io::{BufRead, Read},
    path::Path,
    sync::Arc,
};

use serde_json::Value;

use super::{MAX_ROW_BYTES, RawRow, Reader, fault_at, input::Input, json, unreadable};
use crate::{dataset::row::Place, error::Result};

pub(super) struct JsonLines {
    input: Input,
    file: Arc<Path>,
    /// One-based number of the line in `buffer`.
    line: u64,
    buffer: Vec<u8>,
    max: usize,
}

impl JsonLines {
    pub(super) fn new(input: Input, file: Arc<Path>) -> Self {
        Self { input, file, line: 0, buffer: Vec::new(), max: MAX_ROW_BYTES }
    }

    /// Reads the next line that is not blank into the buffer; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.buffer.clear();
            let mut limited = (&mut self.input).take(self.max as u64 + 1);
            let read = limited.read_until(b'\n', &mut self.buffer);
            if read.map_err(|error| unreadable(&self.file, self.line, error))? == 0 {
                return Ok(false);
            }
            self.line += 1;
            if self.buffer.len() > self.max {
                return Err(json::too_large(&self.file, self.line, self.max));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }
}

impl Reader for JsonLines {
    fn next_row(&mut self) -> Result<Option<RawRow>> {
        if !self.advance()? {
            return Ok(None);
        }
        let place = Place::Line(self.line);
        match serde_json::from_slice(&self.buffer) {
            Ok(value @ Value::Object(_)) => Ok(Some(RawRow { value, place })),
            Ok(other) => Err(fault_at(&self.file, self.line, 1, json::not_a_row(&other))),
            Err(error) => {
                // A cut line is reported past its line break.
                let column = if error.line() > 1 { self.buffer.len() } else { error.column() };
                Err(fault_at(&self.file, self.line, column as u64, json::problem(&error)))
            }
        }
    }

    fn skip_row(&mut self) -> Result<bool> {
        self.advance()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<RawRow>> {
        let mut reader = JsonLines::new(Box::new(Cursor::new(bytes.to_vec())), Path::new("x.jsonl").into());
        std::iter::from_fn(|| reader.next_row().transpose()).collect()
    }

    #[test]
    fn blank_lines_count_as_lines() {
        let rows = read(b"{\"a\":1}\r\n \t\r\n\n{\"a\":2}").unwrap();
        let places: Vec<_> = rows.iter().map(|row| row.place).collect();
        assert_eq!(places, [Place::Line(1), Place::Line(4)]);
    }

    #[test]
    fn faults_name_line_and_column() {
        let cases: [(&[u8], &str); 5] = [
            (b"{\"a\":1}\n{\"a\" 1}\n", "x.jsonl:2:6: expected `:`"),
            (b"{\"a\":1}\n{\"a\": \n", "x.jsonl:2:7: EOF while parsing"),
            (b"{\"a\":1} {\"a\":2}", "x.jsonl:1:9: trailing characters"),
            (b"\n[1]\n", "x.jsonl:2:1: a row must be an object"),
            (b"{\"a\":\"\xff\"}", "x.jsonl:1:7: invalid unicode code point"),
        ];
        for (bytes, start) in cases {
            let error = read(bytes).unwrap_err();
            assert!(error.to_string().starts_with(start), "{error}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_is_read() {
        let endless = std::io::repeat(b'x');
        let input = Box::new(std::io::BufReader::new(endless));
        let mut reader = JsonLines { max: 1000, ..JsonLines::new(input, Path::new("x.jsonl").into()) };
        assert!(reader.next_row().unwrap_err().to_string().contains("longer than"));
        assert!(reader.buffer.capacity() < 70_000);
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no NaN", |f| f.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        let nested = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        });
        prop::collection::btree_map(any::<String>(), nested, 0..4)
            .prop_map(|map| map.into_iter().collect::<Value>())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(object(), 0..6)) {
            let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
            let read: Vec<_> = read(text.as_bytes()).unwrap().into_iter().map(|row| row.value).collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn a_cut_is_found_on_its_line(rows in prop::collection::vec(object(), 1..5), at in any::<prop::sample::Index>()) {
            let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
            let cut = &text.as_bytes()[..at.index(text.len())];
            let whole = cut.iter().filter(|byte| **byte == b'\n').count();
            let tail = &cut[cut.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)..];
            match read(cut) {
                // Nothing is left of the line, or all but its line break is there.
                Ok(read) => prop_assert_eq!(read.len(), whole + usize::from(tail.ends_with(b"}"))),
                Err(error) => {
                    prop_assert!(error.to_string().starts_with(&format!("x.jsonl:{}:", whole + 1)), "{}", error);
                    prop_assert!(!tail.is_empty());
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
