//! What a run leaves in its directory beside the store: every proposal, and the texts to use.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use serde::Serialize;

use super::lineage::Slots;
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Result},
};

const TRIALS: &str = "candidates.jsonl";
const BEST: &str = "best";

/// A proposal and what came of it: a line of `candidates.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Trial {
    /// Its name; also the candidate's, where there is one.
    pub(super) name: String,
    /// The round, from 1; 0 is the seed's.
    pub(super) round: u32,
    /// Who proposed it.
    pub(super) proposer: &'static str,
    /// Names of its parents, the one to be beaten first.
    pub(super) parents: Vec<String>,
    /// The slots in which it differs from its first parent, and what they hold.
    pub(super) changed: BTreeMap<SlotPath, SlotValue>,
    /// Validation rows that it was run on.
    pub(super) rows: usize,
    /// Its mean reward on them.
    pub(super) reward: Option<f64>,
    /// The mean reward of its first parent on them.
    pub(super) parent_reward: Option<f64>,
    /// The same of what they are worth, where something counts besides the reward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) worth: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_worth: Option<f64>,
    /// Whether it was taken.
    pub(super) taken: bool,
    /// Why, or why not.
    pub(super) reason: String,
}

/// The slots of `child` that differ from `parent`.
pub(super) fn changed(parent: &Slots, child: &Slots) -> BTreeMap<SlotPath, SlotValue> {
    let differs = |(path, value): &(&SlotPath, &SlotValue)| parent.get(*path) != Some(*value);
    child.iter().filter(differs).map(|(path, value)| (path.clone(), value.clone())).collect()
}

/// Writes all `trials`, whole or not at all.
pub(super) fn trials(directory: &Path, trials: &[Trial]) -> Result<()> {
    let mut text = String::new();
    for trial in trials {
        text += &serde_json::to_string(trial)?;
        text.push('\n');
    }
    write(directory, TRIALS, &text)
}

/// Writes each slot of `candidate` to a file of its own: a text as it is, examples as JSON.
pub(super) fn best(directory: &Path, candidate: &Candidate) -> Result<()> {
    let directory = directory.join(BEST);
    fs::create_dir_all(&directory).map_err(|error| io(&directory, error))?;
    for (path, value) in &candidate.slots {
        match value {
            SlotValue::Prompt(text) => write(&directory, &format!("{path}.txt"), text)?,
            SlotValue::Demos(demos) => {
                write(&directory, &format!("{path}.json"), &serde_json::to_string_pretty(demos)?)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn write(directory: &Path, name: &str, text: &str) -> Result<()> {
    let path = directory.join(name);
    let written = tempfile::NamedTempFile::new_in(directory).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.persist(&path)?;
        Ok(())
    });
    written.map_err(|error| io(&path, error))
}

fn io(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write {}", path.display())).with_source(error)
}
