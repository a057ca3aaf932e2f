//! The rows of slices of splits, file after file.

use std::{
    collections::VecDeque,
    fmt,
    iter::{FusedIterator, Peekable},
    path::Path,
    sync::Arc,
};

use super::{
    format::{self, ColumnTypes, Reader},
    layout::{DataFile, SplitFiles},
    row::{Origin, Row},
    split::Slice,
};
use crate::error::Result;

type Inner = Box<dyn Iterator<Item = Result<Row>> + Send>;

/// A file being read, and its name if it has one.
type Open = (Box<dyn Reader>, Option<Arc<Path>>);

/// Iterator over the rows of a [`Dataset`](super::Dataset). It ends after the first error.
pub struct Rows {
    inner: Peekable<Inner>,
    failed: bool,
}

impl Rows {
    pub(super) fn new(inner: impl Iterator<Item = Result<Row>> + Send + 'static) -> Self {
        let inner: Inner = Box::new(inner);
        Self { inner: inner.peekable(), failed: false }
    }

    /// Whether there is neither a row nor an error. Reads the first row.
    pub(super) fn is_empty(&mut self) -> bool {
        self.inner.peek().is_none()
    }
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.inner.next();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl FusedIterator for Rows {}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// The rows `from..to` of one split.
pub(super) struct Part {
    split: String,
    files: VecDeque<DataFile>,
    open: Option<Open>,
    types: ColumnTypes,
    /// Position in the split of the next row.
    index: u64,
    from: u64,
    to: Option<u64>,
}

impl Part {
    /// The rows of `slice`. Counts the rows of the split first if the slice needs that.
    pub(super) fn new(files: &SplitFiles, slice: &Slice) -> Result<Self> {
        let count = if slice.needs_count() { count(files)? } else { 0 };
        let (from, to) = slice.range(count)?;
        Ok(Self { from, to, ..Self::whole(files) })
    }

    fn whole(split: &SplitFiles) -> Self {
        Self {
            split: split.name.clone(),
            files: split.files.iter().cloned().collect(),
            open: None,
            types: ColumnTypes::default(),
            index: 0,
            from: 0,
            to: None,
        }
    }

    /// Steps over a row before `from`, reads one, or goes on to the next file.
    fn step(&mut self) -> Result<Step> {
        let Some((reader, file)) = &mut self.open else {
            let Some(next) = self.files.pop_front() else { return Ok(Step::End) };
            let reader = format::open(&next, &mut self.types)?;
            self.open = Some((reader, next.entry.location.shown().map(Into::into)));
            return Ok(Step::On);
        };
        let row = if self.index < self.from {
            reader.skip_row()?.then_some(Step::On)
        } else {
            reader.next_row()?.map(|raw| {
                let origin = Origin { file: file.clone(), place: raw.place };
                let id = format!("{}/{}", self.split, self.index);
                Step::Row(Row { id, index: self.index, value: raw.value, origin })
            })
        };
        match row {
            Some(step) => {
                self.index += 1;
                Ok(step)
            }
            None => {
                self.open = None;
                Ok(Step::On)
            }
        }
    }
}

enum Step {
    Row(Row),
    On,
    End,
}

impl Iterator for Part {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.to.is_none_or(|to| self.index.max(self.from) < to) {
            match self.step() {
                Ok(Step::Row(row)) => return Some(Ok(row)),
                Ok(Step::On) => {}
                Ok(Step::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// The number of rows of a split: known for parquet and in memory, else by passing over them.
pub(super) fn count(split: &SplitFiles) -> Result<u64> {
    let mut total = 0;
    let mut types = ColumnTypes::default();
    for file in &split.files {
        total += match format::known_rows(file) {
            Some(rows) => rows,
            None => {
                let mut reader = format::open(file, &mut types)?;
                let mut rows = 0;
                while reader.skip_row()? {
                    rows += 1;
                }
                rows
            }
        };
    }
    Ok(total)
}
