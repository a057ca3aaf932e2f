//! Plain text: one row a line, in the column `text`. `\n`, `\r\n` and `\r` all end a line; empty lines are rows.

use std::{
    io::{self, BufRead},
    path::Path,
    sync::Arc,
};

use serde_json::json;

use super::{MAX_ROW_BYTES, RawRow, Reader, fault_at, input::Input, json, unreadable};
use crate::{dataset::row::Place, error::Result};

pub(super) struct TextReader {
    input: Input,
    file: Arc<Path>,
    line: u64,
    buffer: Vec<u8>,
    /// The last line ended in `\r`, so that a `\n` that follows belongs to it.
    after_return: bool,
}

impl TextReader {
    pub(super) fn new(input: Input, file: Arc<Path>) -> Self {
        Self { input, file, line: 0, buffer: Vec::new(), after_return: false }
    }

    /// Reads the next line into the buffer, without its end; `false` at the end of the file.
    fn advance(&mut self) -> Result<bool> {
        self.buffer.clear();
        let mut any = false;
        loop {
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(&self.file, self.line, error)),
            };
            let Some(first) = bytes.first() else { break };
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                self.input.consume(1);
                continue;
            }
            any = true;
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let taken = end.unwrap_or(bytes.len());
            self.buffer.extend_from_slice(&bytes[..taken]);
            self.after_return = end.is_some_and(|end| bytes[end] == b'\r');
            self.input.consume(taken + usize::from(end.is_some()));
            if self.buffer.len() > MAX_ROW_BYTES {
                return Err(json::too_large(&self.file, self.line + 1, MAX_ROW_BYTES));
            }
            if end.is_some() {
                break;
            }
        }
        self.line += u64::from(any);
        Ok(any)
    }
}

impl Reader for TextReader {
    fn next_row(&mut self) -> Result<Option<RawRow>> {
        if !self.advance()? {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.buffer).map_err(|error| {
            let column = error.valid_up_to() as u64 + 1;
            fault_at(&self.file, self.line, column, "not UTF-8; convert the file")
        })?;
        Ok(Some(RawRow { value: json!({ "text": text }), place: Place::Line(self.line) }))
    }

    fn skip_row(&mut self) -> Result<bool> {
        self.advance()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use proptest::prelude::*;

    use super::*;

    /// Reads through a buffer of `size` bytes, so that line ends are cut apart too.
    fn read(bytes: &[u8], size: usize) -> Result<Vec<String>> {
        let input = BufReader::with_capacity(size, Cursor::new(bytes.to_vec()));
        let mut reader = TextReader::new(Box::new(input), Path::new("x.txt").into());
        let text = |row: RawRow| row.value["text"].as_str().unwrap().to_owned();
        std::iter::from_fn(|| reader.next_row().transpose()).map(|row| row.map(text)).collect()
    }

    #[test]
    fn all_line_ends() {
        for size in 1..8 {
            assert_eq!(read(b"a\r\n\nb\rc\n\r\nd", size).unwrap(), ["a", "", "b", "c", "", "d"]);
        }
        assert!(read(b"", 8).unwrap().is_empty());
        assert!(read(b"ok\nx\xff", 8).unwrap_err().to_string().starts_with("x.txt:2:2: not UTF-8"));
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_text(text in "[a\u{e9}\r\n]{0,30}", size in 1usize..5) {
            let plain = text.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(read(text.as_bytes(), size).unwrap(), plain.lines().collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, 7);
        }
    }
}
