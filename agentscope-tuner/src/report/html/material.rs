//! All that is known of a run, read from its directory.

use std::{fs, io::ErrorKind as IoError, path::Path};

use serde::de::DeserializeOwned;

use super::{
    curves::{Series, series},
    lineage::{Proposal, with_beginnings},
};
use crate::{
    error::{Error, ErrorKind, Result},
    rollout::{Key, Record, Store},
    strategy::{ModelSelection, Outcome, selection::Course},
    workflow::Spent,
};

/// What a page is made of. A run that goes on, or was killed, has no outcome yet.
#[derive(Debug)]
pub struct Material {
    /// Name of the run: that of its directory.
    pub(super) name: String,
    pub(super) outcome: Option<Outcome>,
    /// The journal, in the order in which rollouts ended.
    pub(super) records: Vec<(Key, Record)>,
    pub(super) spent: Spent,
    /// How the race went, where there was one.
    pub(super) course: Option<Course>,
    /// From `metrics.jsonl`.
    pub(super) series: Vec<Series>,
    /// From `candidates.jsonl`, and what they were made from.
    pub(super) proposals: Vec<Proposal>,
    /// For the conversations, which are read when it is known which of them are shown.
    pub(super) store: Store,
}

impl Material {
    /// Reads the run in `directory`, whether it is finished or goes on.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when a file of the run cannot be read or is none.
    pub fn read(directory: &Path) -> Result<Self> {
        let store = Store::view(directory.join("run.sqlite"))?;
        let name = fs::canonicalize(directory).ok();
        let name = name.as_deref().unwrap_or(directory).file_name().unwrap_or_default();
        let outcome = read_file(&directory.join("outcome.json"))?;
        let outcome = outcome.map(|text| parse(&text, "outcome.json", 1)).transpose()?;
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            outcome,
            records: store.rollouts()?,
            spent: store.spent()?,
            course: ModelSelection::course(&store)?,
            series: series(&read_lines(directory, "metrics.jsonl")?),
            proposals: with_beginnings(read_lines(directory, "candidates.jsonl")?, &store.candidates()?),
            store,
        })
    }
}

fn read_lines<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Vec<T>> {
    let text = read_file(&directory.join(name))?.unwrap_or_default();
    let whole = |(at, line): (usize, &str)| {
        // The last line may be half written by a run that goes on or was killed.
        let ended = at + 1 < text.lines().count() || text.ends_with('\n');
        (ended && !line.trim().is_empty()).then(|| parse(line, name, at + 1))
    };
    text.lines().enumerate().filter_map(whole).collect()
}

fn read_file(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == IoError::NotFound => Ok(None),
        Err(error) => {
            Err(Error::new(ErrorKind::Store, format!("cannot read {}", path.display())).with_source(error))
        }
    }
}

fn parse<T: DeserializeOwned>(text: &str, file: &str, line: usize) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("line {line} of the run's {file} cannot be read; mend or remove it");
        Error::new(ErrorKind::Store, message).with_source(error)
    })
}
