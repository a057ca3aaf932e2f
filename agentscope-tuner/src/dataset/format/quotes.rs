//! Keeps watch over the quotes of a CSV file.

use std::io::{self, Read};

use super::{MAX_ROW_BYTES, input::Input};

/// Follows the quotes of what is read through it, since the `csv` crate takes the end of the file for the end of
/// an open quote, and would read a whole file into one cell.
pub(super) struct QuoteWatch {
    input: Input,
    delimiter: u8,
    state: State,
    line: u64,
    /// The line of the last quote that opened a cell, and the bytes since.
    opened: u64,
    length: usize,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    CellStart,
    Bare,
    Quoted,
    /// After a quote within quotes: either its end or the first half of a doubled one.
    QuoteInQuoted,
}

impl QuoteWatch {
    pub(super) fn new(input: Input, delimiter: u8) -> Self {
        Self { input, delimiter, state: State::CellStart, line: 1, opened: 0, length: 0, ended: false }
    }

    /// At the end of the input: the line of a quote that was opened and not closed.
    pub(super) fn left_open(&self) -> Option<u64> {
        (self.ended && self.state == State::Quoted).then_some(self.opened)
    }

    fn follow(&mut self, byte: u8) {
        let ends_cell = byte == self.delimiter || matches!(byte, b'\n' | b'\r');
        self.line += u64::from(byte == b'\n');
        self.length += 1;
        self.state = match (self.state, byte) {
            (State::CellStart, b'"') => {
                (self.opened, self.length) = (self.line, 0);
                State::Quoted
            }
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) | (State::QuoteInQuoted, b'"') => State::Quoted,
            _ if ends_cell => {
                self.length = 0;
                State::CellStart
            }
            _ => State::Bare,
        };
    }
}

impl Read for QuoteWatch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.ended |= count == 0 && !buffer.is_empty();
        for byte in &buffer[..count] {
            self.follow(*byte);
        }
        if self.length > MAX_ROW_BYTES {
            return Err(io::Error::other(format!(
                "the cell that begins about line {} is longer than {MAX_ROW_BYTES} bytes; is a quote left open?",
                self.opened.max(1)
            )));
        }
        Ok(count)
    }
}
