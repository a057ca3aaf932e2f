//! The formats: which there are, how a file name tells, and one reader each.

mod csv;
mod csv_types;
mod input;
mod json;
mod json_lines;
mod memory;
mod quotes;
mod scanner;
mod text;

#[cfg(feature = "parquet")]
mod columnar;

use std::{path::Path, sync::Arc};

use serde_json::Value;

pub(super) use self::csv_types::ColumnTypes;
use super::{layout::DataFile, row::Place, source::Location};
use crate::error::{Error, ErrorKind, Result};

/// The largest row that is read: what is longer is taken for a file without line breaks or with an open quote.
const MAX_ROW_BYTES: usize = 256 << 20;

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object a line.
    JsonLines,
    /// A JSON array, or objects one after another.
    Json,
    Csv,
    Tsv,
    Parquet,
    Arrow,
    /// One row a line, in the column `text`.
    Text,
    /// Rows that were given, not read.
    Memory,
}

/// File name suffixes, from the least to the most preferred when a directory holds as many of each.
const SUFFIXES: [(&str, Format); 8] = [
    ("ndjson", Format::JsonLines),
    ("tsv", Format::Tsv),
    ("txt", Format::Text),
    ("csv", Format::Csv),
    ("json", Format::Json),
    ("jsonl", Format::JsonLines),
    ("arrow", Format::Arrow),
    ("parquet", Format::Parquet),
];

impl Format {
    /// For errors about files of other kinds.
    pub(super) const READABLE: &'static str =
        "readable are jsonl, json, csv, tsv, txt, parquet and arrow, each also as .gz or .zst";

    /// The format that a file name promises.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::suffixes(name).last().and_then(|(_, suffix)| Self::of_suffix(suffix))
    }

    pub(super) fn of_suffix(suffix: &str) -> Option<Self> {
        SUFFIXES.iter().find(|(known, _)| *known == suffix).map(|(_, format)| *format)
    }

    /// The suffixes of a file name that are formats, each with its rank in a draw.
    pub(super) fn suffixes(name: &str) -> impl Iterator<Item = (usize, &'static str)> + '_ {
        let base = name.rsplit('/').next().unwrap_or(name);
        base.split('.').skip(1).filter_map(|part| {
            let rank = SUFFIXES.iter().position(|(known, _)| part.eq_ignore_ascii_case(known))?;
            Some((rank, SUFFIXES[rank].0))
        })
    }

    /// The format of `name` if its family is that of `other`.
    pub(super) fn within(name: &str, other: Self) -> Option<Self> {
        let formats = Self::suffixes(name).filter_map(|(_, suffix)| Self::of_suffix(suffix));
        formats.filter(|format| format.family() == other.family()).last()
    }

    /// One number for the formats that may stand together in a split.
    fn family(self) -> u8 {
        match self {
            Self::JsonLines | Self::Json => 0,
            Self::Csv | Self::Tsv => 1,
            Self::Parquet => 2,
            Self::Arrow => 3,
            Self::Text => 4,
            Self::Memory => 5,
        }
    }
}

/// A row before it has a name.
#[derive(Debug)]
pub(super) struct RawRow {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// Rows of one file, one after another. After an error nothing more is asked of it.
pub(super) trait Reader: Send {
    /// The next row, or `None` at the end.
    fn next_row(&mut self) -> Result<Option<RawRow>>;

    /// Passes over one row, if possible without building it; `false` at the end.
    fn skip_row(&mut self) -> Result<bool> {
        Ok(self.next_row()?.is_some())
    }
}

/// Opens a file. `types` carries the column types of CSV from the first file of a split to the later ones.
pub(super) fn open(file: &DataFile, types: &mut ColumnTypes) -> Result<Box<dyn Reader>> {
    let path = match &file.entry.location {
        Location::Memory(rows) => return Ok(Box::new(memory::MemoryReader::new(rows.clone()))),
        Location::Local(path) => path.clone(),
        Location::Hub(repository, name) => repository.download(name)?,
    };
    let shown: Arc<Path> = file.entry.location.shown().unwrap_or_default().into();
    Ok(match file.format {
        Format::Parquet | Format::Arrow => return columnar(file.format, &path, shown),
        Format::JsonLines => json::open(input::open(&path, &shown)?, shown, false)?,
        Format::Json => json::open(input::open(&path, &shown)?, shown, true)?,
        Format::Csv => Box::new(csv::CsvReader::new(input::open(&path, &shown)?, shown, b',', types)?),
        Format::Tsv => Box::new(csv::CsvReader::new(input::open(&path, &shown)?, shown, b'\t', types)?),
        Format::Text | Format::Memory => Box::new(text::TextReader::new(input::open(&path, &shown)?, shown)),
    })
}

#[cfg(feature = "parquet")]
fn columnar(format: Format, path: &Path, shown: Arc<Path>) -> Result<Box<dyn Reader>> {
    if format == Format::Parquet { columnar::parquet(path, shown) } else { columnar::arrow(path, shown) }
}

#[cfg(not(feature = "parquet"))]
fn columnar(_: Format, _: &Path, shown: Arc<Path>) -> Result<Box<dyn Reader>> {
    let remedy = "this build reads no parquet and no arrow; enable the feature `parquet` of agentscope-tuner";
    Err(fault(&shown, remedy))
}

/// The number of rows, where it can be had without reading the file.
pub(super) fn known_rows(file: &DataFile) -> Option<u64> {
    match (&file.entry.location, file.format) {
        (Location::Memory(rows), _) => Some(rows.len() as u64),
        #[cfg(feature = "parquet")]
        (Location::Local(path), Format::Parquet) => columnar::parquet_rows(path),
        _ => None,
    }
}

/// An error about a file as a whole.
fn fault(file: &Path, problem: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Dataset, format!("{}: {problem}", file.display()))
}

/// An error about a place in a file; `column` counts bytes from one.
fn fault_at(file: &Path, line: u64, column: u64, problem: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Dataset, format!("{}:{line}:{column}: {problem}", file.display()))
}

/// An error of the operating system or of the decompressor.
fn unreadable(file: &Path, line: u64, error: std::io::Error) -> Error {
    let remedy = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the compressed file is cut short; copy it again",
        _ => "the file cannot be read; check that it is complete and readable",
    };
    fault(file, format_args!("after line {line}: {remedy}")).with_source(error)
}
