//! Finds where one JSON value ends and the next begins, so that an array is read element by element.

use std::{
    io::{self, BufRead},
    path::Path,
    sync::Arc,
};

use serde_json::Value;

use super::{fault_at, input::Input, json, unreadable};
use crate::error::{Error, Result};

/// A stream of bytes that knows its line and column, and takes one JSON value at a time from it.
pub(super) struct Scanner {
    input: Input,
    pub(super) file: Arc<Path>,
    /// One-based place of the next byte.
    pub(super) line: u64,
    column: u64,
    buffer: Vec<u8>,
    max: usize,
}

impl Scanner {
    pub(super) fn new(input: Input, file: Arc<Path>, max: usize) -> Self {
        Self { input, file, line: 1, column: 1, buffer: Vec::new(), max }
    }

    /// The next byte that is not white space, left in place.
    pub(super) fn peek(&mut self) -> Result<Option<u8>> {
        while let Some(byte) = self.byte()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.pass(byte);
        }
        Ok(None)
    }

    /// Takes `byte`, which [`Scanner::peek`] has just shown.
    pub(super) fn pass(&mut self, byte: u8) {
        self.input.consume(1);
        if byte == b'\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
    }

    /// Takes the value that begins at the next byte. The line is the one on which it begins.
    pub(super) fn value(&mut self) -> Result<(u64, Value)> {
        let (line, column) = (self.line, self.column);
        self.collect()?;
        let value = serde_json::from_slice(&self.buffer).map_err(|error| {
            let at = if error.line() <= 1 { column - 1 } else { 0 } + error.column() as u64;
            let line = line + (error.line() as u64).saturating_sub(1);
            fault_at(&self.file, line, at.max(1), json::problem(&error))
        })?;
        Ok((line, value))
    }

    /// Takes the bytes of the value that begins at the next byte, without looking into it.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.collect()
    }

    pub(super) fn fault(&self, problem: impl std::fmt::Display) -> Error {
        fault_at(&self.file, self.line, self.column, problem)
    }

    /// Puts the bytes of one value into the buffer: up to the bracket that closes it, or for a bare word up to
    /// what cannot belong to it. Whether they are JSON is for the parser to say.
    fn collect(&mut self) -> Result<()> {
        self.buffer.clear();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        while let Some(byte) = self.byte()? {
            let ends_word = byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}');
            if depth == 0 && !in_string && !self.buffer.is_empty() && ends_word {
                return Ok(());
            }
            if self.buffer.len() == self.max {
                return Err(json::too_large(&self.file, self.line, self.max));
            }
            self.buffer.push(byte);
            self.pass(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 && !in_string && matches!(byte, b'"' | b'}' | b']') {
                return Ok(());
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&self.file, self.line, error)),
            }
        }
    }
}
