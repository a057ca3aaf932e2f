//! Parquet and Arrow, through the JSON that `arrow-json` makes of a batch: 64-bit integers stay exact, dates and
//! times become ISO 8601 text, bytes hexadecimal text, NaN and infinities null.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
    sync::Arc,
};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_json::{WriterBuilder, writer::LineDelimited};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{RawRow, Reader, fault, input};
use crate::{
    dataset::row::Place,
    error::{BoxError, Result},
};

/// Rows of a parquet file that are in memory at a time.
const BATCH_ROWS: usize = 64;

const ARROW_FILE_MAGIC: &[u8] = b"ARROW1";

/// Opens a parquet file.
pub(super) fn parquet(path: &Path, shown: Arc<Path>) -> Result<Box<dyn Reader>> {
    let file = seekable(path, &shown)?;
    let reader =
        guarded(|| ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS).build());
    let reader = reader.map_err(|error| damaged(&shown, "parquet", error))?;
    Ok(Box::new(Batches::new(reader, shown, "parquet")))
}

/// Opens an Arrow IPC stream, as `datasets` keeps them, or an Arrow IPC file.
pub(super) fn arrow(path: &Path, shown: Arc<Path>) -> Result<Box<dyn Reader>> {
    let mut file = seekable(path, &shown)?;
    let mut magic = Vec::new();
    let peeked = (&mut file).take(ARROW_FILE_MAGIC.len() as u64).read_to_end(&mut magic);
    peeked.and_then(|_| file.rewind()).map_err(|error| input::cannot_open(&shown, error))?;
    let file = io::BufReader::new(file);
    let reader: Box<dyn RecordBatchReader + Send> = if magic == ARROW_FILE_MAGIC {
        Box::new(guarded(|| FileReader::try_new(file, None)).map_err(|e| damaged(&shown, "Arrow", e))?)
    } else {
        Box::new(guarded(|| StreamReader::try_new(file, None)).map_err(|e| damaged(&shown, "Arrow", e))?)
    };
    Ok(Box::new(Batches::new(reader, shown, "Arrow")))
}

/// The number of rows of a parquet file, from its footer; `None` when it has none that can be read.
pub(super) fn parquet_rows(path: &Path) -> Option<u64> {
    let file = File::open(path).ok()?;
    let metadata = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file)).ok()?;
    metadata.metadata().file_metadata().num_rows().try_into().ok()
}

/// The file itself, or its decompressed contents in a temporary file that vanishes with the handle.
fn seekable(path: &Path, shown: &Path) -> Result<File> {
    let open = || -> io::Result<File> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        (&mut file).take(ARROW_FILE_MAGIC.len() as u64).read_to_end(&mut magic)?;
        let is_gzip_or_zstd = magic.starts_with(b"\x1f\x8b") || magic.starts_with(b"\x28\xb5\x2f\xfd");
        if !is_gzip_or_zstd {
            file.rewind()?;
            return Ok(file);
        }
        let mut copy = tempfile::tempfile()?;
        io::copy(&mut input::decompressed(path)?, &mut copy)?;
        copy.rewind()?;
        Ok(copy)
    };
    open().map_err(|error| input::cannot_open(shown, error))
}

/// Rows of a sequence of record batches.
struct Batches<I> {
    batches: I,
    file: Arc<Path>,
    format: &'static str,
    /// Rows of the current batch, the next one last.
    rows: Vec<Value>,
    taken: u64,
}

impl<I> Batches<I> {
    fn new(batches: I, file: Arc<Path>, format: &'static str) -> Self {
        Self { batches, file, format, rows: Vec::new(), taken: 0 }
    }
}

impl<E, I> Reader for Batches<I>
where
    E: Into<BoxError>,
    I: Iterator<Item = Result<RecordBatch, E>> + Send,
{
    fn next_row(&mut self) -> Result<Option<RawRow>> {
        while self.rows.is_empty() {
            let next = || match self.batches.next() {
                Some(batch) => Ok(Some(rows(&batch.map_err(Into::into)?)?)),
                None => Ok::<_, BoxError>(None),
            };
            match guarded(next).map_err(|error| damaged(&self.file, self.format, error))? {
                Some(rows) => self.rows = rows.into_iter().rev().collect(),
                None => return Ok(None),
            }
        }
        let place = Place::Row(self.taken);
        self.taken += 1;
        Ok(self.rows.pop().map(|value| RawRow { value, place }))
    }
}

fn rows(batch: &RecordBatch) -> Result<Vec<Value>, BoxError> {
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let lines = writer.into_inner();
    serde_json::Deserializer::from_slice(&lines).into_iter().map(|row| Ok(row?)).collect()
}

/// Runs a reader of a binary format, some of which panic on damaged files, and makes an error of that.
fn guarded<T, E: Into<BoxError>>(read: impl FnOnce() -> Result<T, E>) -> Result<T, BoxError> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err("the contents contradict each other".into()),
    }
}

fn damaged(file: &Path, format: &str, error: BoxError) -> crate::error::Error {
    fault(file, format_args!("not a complete {format} file; write or copy it again")).with_source(error)
}
