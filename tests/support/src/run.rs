//! What a run leaves in its directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The one run in a directory of runs, if it got as far as a store.
pub fn the_run(runs: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path());
    let run = entries.into_iter().find(|path| path.is_dir() && !path.is_symlink())?;
    run.join("run.sqlite").is_file().then_some(run)
}

/// The outcome of a run without what may differ from one to the next: how long calls took.
pub fn outcome(run: &Path) -> Value {
    let text = fs::read_to_string(run.join("outcome.json")).unwrap();
    let mut outcome: Value = serde_json::from_str(&text).unwrap();
    for candidate in outcome["candidates"].as_array_mut().unwrap() {
        candidate.as_object_mut().unwrap().remove("latency");
    }
    outcome
}
