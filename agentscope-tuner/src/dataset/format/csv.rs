//! CSV and TSV: a header, then one record a row.
//!
//! Stricter than `datasets` in one point: a record with fewer cells than the header is an error, as one with more
//! is, because it is more often damage than brevity.

use std::{
    collections::{HashSet, VecDeque},
    path::Path,
    sync::Arc,
};

use csv::{ByteRecord, Reader as Records, ReaderBuilder};
use serde_json::{Map, Value};

use super::{
    RawRow, Reader,
    csv_types::{self, ColumnType, ColumnTypes},
    fault, fault_at,
    input::Input,
    quotes::QuoteWatch,
    unreadable,
};
use crate::{
    dataset::row::Place,
    error::{Error, Result},
};

/// How far ahead column types are inferred.
const PREFIX_ROWS: usize = 10_000;
const PREFIX_BYTES: usize = 4 << 20;

pub(super) struct CsvReader {
    records: Records<QuoteWatch>,
    file: Arc<Path>,
    header: Vec<String>,
    types: Vec<ColumnType>,
    /// Records that were read to infer the types, and what stopped the reading if anything did.
    ahead: VecDeque<(u64, Vec<String>)>,
    stopped: Option<Error>,
    record: ByteRecord,
}

impl CsvReader {
    /// Reads the header and infers the types of the columns that `types` does not name.
    pub(super) fn new(input: Input, file: Arc<Path>, delimiter: u8, types: &mut ColumnTypes) -> Result<Self> {
        let watch = QuoteWatch::new(input, delimiter);
        let mut builder = ReaderBuilder::new();
        let records = builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(watch);
        let mut reader = Self {
            records,
            file,
            header: Vec::new(),
            types: Vec::new(),
            ahead: VecDeque::new(),
            stopped: None,
            record: ByteRecord::new(),
        };
        if let Some((_, header)) = reader.read()? {
            reader.header = distinct(header);
        }
        reader.look_ahead();
        reader.decide(types);
        Ok(reader)
    }

    fn look_ahead(&mut self) {
        let mut bytes = 0;
        while self.ahead.len() < PREFIX_ROWS && bytes < PREFIX_BYTES {
            match self.read() {
                Ok(Some((line, cells))) => {
                    bytes += cells.iter().map(String::len).sum::<usize>();
                    self.ahead.push_back((line, cells));
                }
                Ok(None) => return,
                Err(error) => {
                    self.stopped = Some(error);
                    return;
                }
            }
        }
    }

    fn decide(&mut self, types: &mut ColumnTypes) {
        for (at, name) in self.header.iter().enumerate() {
            let cells = self.ahead.iter().filter_map(|(_, cells)| cells.get(at)).map(String::as_str);
            let kind = *types.0.entry(name.clone()).or_insert_with(|| csv_types::infer(cells));
            self.types.push(kind);
        }
    }

    /// The next record that is not a blank line, with its line.
    fn read(&mut self) -> Result<Option<(u64, Vec<String>)>> {
        loop {
            if !self.pull()? {
                return Ok(None);
            }
            let line = self.record.position().map_or(0, csv::Position::line);
            if self.record.len() == 1 && self.record[0].trim_ascii().is_empty() {
                continue;
            }
            if !self.header.is_empty() && self.record.len() != self.header.len() {
                let (expected, found) = (self.header.len(), self.record.len());
                return Err(fault_at(
                    &self.file,
                    line,
                    1,
                    format_args!(
                        "the record has {found} cells and the header {expected}; complete the record, and quote \
                         cells that contain the delimiter, a quote or a line break"
                    ),
                ));
            }
            let cell = |(at, bytes): (usize, &[u8])| {
                std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| {
                    let column =
                        self.header.get(at).map_or_else(|| at.to_string(), |name| format!("`{name}`"));
                    fault_at(
                        &self.file,
                        line,
                        1,
                        format_args!("column {column} is not UTF-8; convert the file"),
                    )
                })
            };
            let cells = self.record.iter().enumerate().map(cell).collect::<Result<_>>()?;
            return Ok(Some((line, cells)));
        }
    }

    /// Reads a record as it stands in the file; `false` at the end.
    fn pull(&mut self) -> Result<bool> {
        let more = self.records.read_byte_record(&mut self.record).map_err(|error| {
            let line = self.records.position().line();
            match error.into_kind() {
                csv::ErrorKind::Io(error) => unreadable(&self.file, line, error),
                other => fault_at(&self.file, line, 1, format_args!("{other:?}")),
            }
        })?;
        if let Some(line) = self.records.get_ref().left_open() {
            let problem = "the quote that opens a cell here is never closed; the file is cut short, or a quote \
                           within a cell is not doubled";
            return Err(fault_at(&self.file, line, 1, problem));
        }
        Ok(more)
    }

    fn row(&self, line: u64, cells: Vec<String>) -> Result<RawRow> {
        let mut row = Map::with_capacity(cells.len());
        for ((name, kind), cell) in self.header.iter().zip(&self.types).zip(&cells) {
            let value = csv_types::value(cell, *kind).ok_or_else(|| {
                fault(
                    &self.file,
                    format_args!(
                        "line {line}, column `{name}`: `{cell}` is not {}, as the first rows of the column are; \
                         correct the cell, or move a row with text to the top to make the column text",
                        kind.name()
                    ),
                )
            })?;
            row.insert(name.clone(), value);
        }
        Ok(RawRow { value: Value::Object(row), place: Place::Line(line) })
    }
}

impl Reader for CsvReader {
    fn next_row(&mut self) -> Result<Option<RawRow>> {
        if let Some((line, cells)) = self.ahead.pop_front() {
            return self.row(line, cells).map(Some);
        }
        if let Some(error) = self.stopped.take() {
            return Err(error);
        }
        self.read()?.map(|(line, cells)| self.row(line, cells)).transpose()
    }

    fn skip_row(&mut self) -> Result<bool> {
        if self.ahead.pop_front().is_some() {
            return Ok(true);
        }
        match self.stopped.take() {
            Some(error) => Err(error),
            None => Ok(self.read()?.is_some()),
        }
    }
}

/// Column names as pandas gives them: `a`, `a.1` for a second `a`, `Unnamed: 2` for none.
fn distinct(header: Vec<String>) -> Vec<String> {
    let given: HashSet<String> = header.iter().cloned().collect();
    let mut taken = HashSet::new();
    let name = |(at, name): (usize, String)| {
        let name = if name.is_empty() { format!("Unnamed: {at}") } else { name };
        let mut free = name.clone();
        let mut copy = 0;
        while taken.contains(&free) || (copy > 0 && given.contains(&free)) {
            copy += 1;
            free = format!("{name}.{copy}");
        }
        taken.insert(free.clone());
        free
    };
    header.into_iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests;
