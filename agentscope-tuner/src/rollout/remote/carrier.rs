//! What carries lines to workers.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// A file that nodes get.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct File {
    /// Where it is at home.
    pub(crate) from: PathBuf,
    /// Where it is to be, below the worker's directory.
    pub(crate) path: String,
    /// Who may do what with it.
    pub(crate) mode: u32,
}

/// Carries lines from home to workers, each of which has a number of its own that no later one gets.
pub(crate) trait Carrier: fmt::Debug + Send + Sync {
    /// Sends `line` to `worker`, if it is still there. Never waits.
    fn send(&self, worker: u64, line: String);

    /// Brings files to all workers, those of later days included; each is told by
    /// [`ToWorker::Weights`](super::ToWorker::Weights) where they are, under this name. What was shared as `forget` is not needed any more.
    #[cfg(feature = "embedded")]
    fn share(&self, name: &str, files: Vec<File>, forget: Option<String>);

    /// Ends `worker`, which does not answer.
    fn end(&self, worker: u64);
}
