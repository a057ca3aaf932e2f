//! What a strategy works with.

use std::{fmt, path::Path, sync::Arc};

use crate::rollout::{Engine, Task};

/// What a strategy works with.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Runs candidates.
    pub engine: &'a Engine,
    /// Rows to learn from; empty for a strategy that does not [learn](super::Strategy::learns).
    pub train: &'a [Arc<Task>],
    /// Rows to measure on.
    pub eval: &'a [Arc<Task>],
    /// Directory of the run, for what does not belong into its store.
    pub directory: &'a Path,
    /// Hears how it goes.
    pub monitor: &'a dyn Monitor,
}

/// Hears what a strategy does while it works.
pub trait Monitor: Send + Sync {
    /// A line for people.
    fn say(&self, line: &str);

    /// Numbers of a step, by their names. A run that was resumed may tell a step again.
    fn log(&self, step: u64, values: &[(String, f64)]);
}

/// A monitor that keeps silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn say(&self, _: &str) {}

    fn log(&self, _: u64, _: &[(String, f64)]) {}
}

impl<'a> Inputs<'a> {
    /// Only measuring, without a directory, in silence.
    pub fn measuring(engine: &'a Engine, eval: &'a [Arc<Task>]) -> Self {
        Self { engine, train: &[], eval, directory: Path::new(""), monitor: &Silent }
    }
}

impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (train, eval) = (self.train.len(), self.eval.len());
        f.debug_struct("Inputs").field("train", &train).field("eval", &eval).finish_non_exhaustive()
    }
}
