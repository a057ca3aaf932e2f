//! Where rows come from: local files and directories, the Hugging Face hub, or memory.
//!
//! ```
//! # use agentscope_tuner::dataset::Dataset;
//! # let directory = tempfile::tempdir()?;
//! # std::fs::write(directory.path().join("train.jsonl"), "{\"question\": \"1+1?\", \"answer\": \"2\"}\n")?;
//! # let path = directory.path();
//! #[derive(serde::Deserialize)]
//! struct MathTask { question: String, answer: String }
//!
//! for row in Dataset::open(path)?.split("train").limit(200).rows()? {
//!     let task: MathTask = row?.parse()?;
//!     assert_eq!((task.question.as_str(), task.answer.as_str()), ("1+1?", "2"));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//! A directory is read as `datasets.load_dataset` reads it, by the first of these that finds a file:
//! 1. `configs:` in the front matter of its README.md (or in `.huggingface.yaml`); each is a subset;
//! 2. shards, `data/{split}-00000-of-00002.parquet`, with any split name;
//! 3. directories, then file names, that hold a word for a split between non-letters: `train`, `training`;
//!    `validation`, `valid`, `val`, `dev`; `test`, `testing`, `eval`, `evaluation`;
//! 4. every file, as `train`.
//!
//! Hidden files, directories that begin with `__`, README.md, config.json and the like are never data. Where a split
//! holds several formats, the most common one is read and the others are named in a warning; on a draw parquet
//! wins, then arrow, jsonl, json, csv. Files are read in the order of their names.
//!
//! # Formats
//! jsonl (blank lines are passed over), json (a list of objects, or objects one after another), csv and tsv, txt (a
//! row a line, column `text`), parquet and arrow (feature `parquet`); each also compressed as .gz or .zst. All but
//! shuffling works in constant memory. CSV cells become numbers, booleans or null by the rules of pandas, decided
//! by the first 10,000 rows (or 4 MiB) of a split; a later number is text in a text column, and later text in a
//! column of numbers is an error. Malformed rows are errors that name file, line and column; nothing is skipped.

mod format;
mod front_matter;
mod hub;
mod layout;
mod pattern;
mod preview;
mod row;
mod rows;
mod selection;
mod shuffle;
mod source;
mod split;

use std::{path::Path, sync::Arc};

use serde_json::Value;

use self::{
    format::Format,
    layout::{DataFile, SplitFiles},
    rows::Part,
    source::{Entry, Listing, Location, Source},
    split::Slice,
};
pub use self::{
    preview::{Column, JsonType, Preview, SplitInfo},
    row::{Origin, Place, Row},
    rows::Rows,
};
use crate::error::{Error, ErrorKind, Result};

/// The split of a single file and of rows in memory, and the one that is read when none is named.
const TRAIN: &str = "train";

/// A lazy description of rows: nothing is read until [`Dataset::rows`] or another method that returns a result.
#[derive(Clone, Debug)]
pub struct Dataset {
    name: String,
    source: Source,
    subset: Option<String>,
    split: Option<String>,
    limit: Option<usize>,
    shuffle: Option<u64>,
}

impl Dataset {
    /// The dataset in a directory, in a file (one split, `train`), or, with the feature `hub` and where no such path
    /// exists, of that name on the Hugging Face hub.
    ///
    /// # Errors
    /// [`ErrorKind::Dataset`] when there is no such path, with the nearest one that exists.
    pub fn open(path_or_name: impl AsRef<Path>) -> Result<Self> {
        let path = path_or_name.as_ref();
        Ok(Self::new(path.display().to_string(), Source::find(path)?))
    }

    /// Rows in memory, as the split `train`.
    pub fn from_rows(rows: impl IntoIterator<Item = Value>) -> Self {
        let rows: Arc<[Value]> = rows.into_iter().collect();
        Self::new(format!("{} rows in memory", rows.len()), Source::Memory(rows))
    }

    fn new(name: String, source: Source) -> Self {
        Self { name, source, subset: None, split: None, limit: None, shuffle: None }
    }

    /// Chooses a subset: a `config_name` of the README.md. Without it the default one is read.
    #[must_use]
    pub fn subset(self, name: impl Into<String>) -> Self {
        Self { subset: Some(name.into()), ..self }
    }

    /// Chooses what to read: `train`, `train[:100]`, `train[-100:]`, `train[10%:20%]`, `train+test`, `all`.
    ///
    /// Without it `train` is read, or the only split there is. Per cent are rounded to the nearest row, ties to even.
    /// Slices in per cent or from the end cost a pass over the files that counts rows, parquet excepted.
    #[must_use]
    pub fn split(self, split: impl Into<String>) -> Self {
        Self { split: Some(split.into()), ..self }
    }

    /// Reads at most `rows` rows. Applied last, whatever the order of the calls.
    #[must_use]
    pub fn limit(self, rows: usize) -> Self {
        Self { limit: Some(rows), ..self }
    }

    /// Reads in a random order that depends on nothing but `seed` and the rows' ids.
    ///
    /// Costs a whole pass before the first row, and memory for all rows, or for as many as [`Dataset::limit`] says.
    #[must_use]
    pub fn shuffle(self, seed: u64) -> Self {
        Self { shuffle: Some(seed), ..self }
    }

    /// The rows, one after another.
    ///
    /// # Errors
    /// [`ErrorKind::Dataset`] when files are missing or unreadable, or there is no such subset or split, or no row;
    /// [`ErrorKind::Usage`] when the split is malformed. Each row may be an error too, which is then the last item.
    pub fn rows(&self) -> Result<Rows> {
        let splits = self.split_files()?;
        let slices = self.slices(&splits)?;
        let rows = self.read(&splits, &slices)?;
        let mut rows = match self.shuffle {
            Some(seed) => Rows::new(shuffle::shuffled(rows, seed, self.limit)?.into_iter().map(Ok)),
            None => Rows::new(rows.take(self.limit.unwrap_or(usize::MAX))),
        };
        match rows.is_empty() {
            true => Err(self.empty(&splits, &slices)),
            false => Ok(rows),
        }
    }

    /// Counts the rows that [`Dataset::rows`] gives, without building them where the format allows it.
    ///
    /// # Errors
    /// As [`Dataset::rows`], except that no rows are no error, and that not every malformed row is found.
    pub fn count(&self) -> Result<u64> {
        let splits = self.split_files()?;
        let mut total = 0;
        for slice in &self.slices(&splits)? {
            let count = rows::count(selection::find(&self.name, &splits, slice)?)?;
            let (from, to) = slice.range(count)?;
            total += to.unwrap_or(count).min(count).saturating_sub(from);
        }
        Ok(self.limit.map_or(total, |limit| total.min(limit as u64)))
    }

    /// The splits of the subset, in the order of the layout.
    ///
    /// # Errors
    /// [`ErrorKind::Dataset`] when there is no such subset or no data file.
    pub fn splits(&self) -> Result<Vec<SplitInfo>> {
        let sum =
            |of: &dyn Fn(&DataFile) -> Option<u64>, split: &SplitFiles| split.files.iter().map(of).sum();
        let info = |split: SplitFiles| SplitInfo {
            files: split.files.iter().filter_map(|file| file.entry.location.shown()).collect(),
            rows: sum(&format::known_rows, &split),
            bytes: sum(&|file| file.entry.bytes, &split),
            name: split.name,
        };
        Ok(self.split_files()?.into_iter().map(info).collect())
    }

    /// The first `rows` rows as they stand in the files, with their columns, and all splits with their sizes.
    ///
    /// Reads no more than that: it does not shuffle, and where a slice needs the number of rows it shows the beginning
    /// of the split instead.
    ///
    /// # Errors
    /// As [`Dataset::rows`], and the error of any of these rows.
    pub fn preview(&self, rows: usize) -> Result<Preview> {
        let splits = self.split_files()?;
        let mut slices = self.slices(&splits)?;
        for slice in slices.iter_mut().filter(|slice| slice.needs_count()) {
            *slice = Slice::whole(&slice.split);
        }
        let wanted = rows.min(self.limit.unwrap_or(rows));
        let rows: Vec<_> = self.read(&splits, &slices)?.take(wanted).collect::<Result<_>>()?;
        if rows.is_empty() && wanted > 0 {
            return Err(self.empty(&splits, &slices));
        }
        Ok(Preview { columns: preview::columns(&rows), rows, splits: self.splits()? })
    }

    /// One line for logs: what is read, and how much of it.
    pub fn describe(&self) -> String {
        let mut text = self.name.clone();
        let parts = [
            self.subset.as_ref().map(|subset| format!("subset {subset}")),
            self.split.as_ref().map(|split| format!("split {split}")),
            self.shuffle.map(|seed| format!("shuffled with seed {seed}")),
            self.limit.map(|limit| format!("at most {limit} rows")),
        ];
        for part in parts.into_iter().flatten() {
            text += ", ";
            text += &part;
        }
        text
    }

    fn split_files(&self) -> Result<Vec<SplitFiles>> {
        let listing = match &self.source {
            Source::Memory(rows) => {
                let location = Location::Memory(rows.clone());
                let entry = Entry { name: self.name.clone(), bytes: None, location };
                return self.single(DataFile { entry, format: Format::Memory });
            }
            Source::File(path) => {
                let entry = Listing::entry(path);
                let format = Format::of(&entry.name).ok_or_else(|| {
                    let message =
                        format!("`{}` is of no format that is known; {}", self.name, Format::READABLE);
                    Error::new(ErrorKind::Dataset, message)
                })?;
                return self.single(DataFile { entry, format });
            }
            Source::Directory(root) => Listing::of_directory(root)?,
            Source::Hub(repository) => repository.listing()?,
        };
        layout::splits(&self.name, &listing, self.subset.as_deref())
    }

    fn single(&self, file: DataFile) -> Result<Vec<SplitFiles>> {
        match &self.subset {
            Some(subset) => Err(Error::new(
                ErrorKind::Dataset,
                format!(
                    "`{}` has no subset `{subset}`, only directories have; leave the subset out",
                    self.name
                ),
            )),
            None => Ok(vec![SplitFiles { name: TRAIN.into(), files: vec![file] }]),
        }
    }

    fn read(
        &self,
        splits: &[SplitFiles],
        slices: &[Slice],
    ) -> Result<impl Iterator<Item = Result<Row>> + use<>> {
        let part = |slice| Part::new(selection::find(&self.name, splits, slice)?, slice);
        let parts: Vec<Part> = slices.iter().map(part).collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests;
