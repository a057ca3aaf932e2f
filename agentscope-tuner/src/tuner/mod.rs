//! From a configuration to an engine: what the command line and library users share.

mod dry;
mod facts;
mod ray;
mod report;
mod run_dir;
mod session;
mod tuned;
mod typed;
mod vocabularies;
#[cfg(feature = "embedded")]
mod weights;

pub(crate) use dry::dry_models;
pub(crate) use facts::{CONFIG, DIRECTORY, configuration};
pub(crate) use ray::ray_options;
pub use report::{report_page, write_report};
pub use run_dir::RunDir;
pub use session::Session;
pub use tuned::Tuned;
pub use typed::Tuner;
#[cfg(feature = "embedded")]
pub(crate) use weights::weights_tuning;

use std::{collections::HashMap, sync::Arc};

use crate::{
    config::{Config, DatasetTable},
    dataset::Dataset,
    error::{Error, ErrorKind, Result},
    rollout::Task,
};

/// The dataset that a table of the configuration describes.
///
/// # Errors
/// [`ErrorKind::Dataset`] when there is none.
pub fn open_dataset(config: &Config, table: &DatasetTable) -> Result<Dataset> {
    let local = config.resolve(&table.path);
    // A name on the hub is no path, so it must not be joined to the directory of the file.
    let mut dataset = if local.exists() { Dataset::open(local) } else { Dataset::open(&table.path) }?;
    if let Some(subset) = &table.subset {
        dataset = dataset.subset(subset);
    }
    if let Some(split) = &table.split {
        dataset = dataset.split(split);
    }
    if let Some(limit) = table.limit {
        dataset = dataset.limit(limit);
    }
    Ok(if table.shuffle { dataset.shuffle(config.file.seed) } else { dataset })
}

/// The rows to measure on: `dataset.eval`, else `dataset.train`; at most `limit`.
///
/// # Errors
/// [`ErrorKind::Config`] when neither is configured, [`ErrorKind::Dataset`] when rows cannot be read.
pub fn evaluation_tasks(config: &Config, limit: Option<usize>) -> Result<Vec<Arc<Task>>> {
    let tables = &config.file.dataset;
    let table = tables.eval.as_ref().or(tables.train.as_ref());
    let table = table.ok_or_else(|| unconfigured("eval = { path = \"…\", split = \"test\" }"))?;
    configured_tasks(config, table, limit)
}

/// The rows to learn from, `dataset.train`, and those to measure on, `dataset.eval`; at most `limit` of each.
///
/// # Errors
/// [`ErrorKind::Config`] when one of them is not configured, or they share a row: what was learnt from measures
/// nothing. [`ErrorKind::Dataset`] when rows cannot be read.
pub fn learning_tasks(config: &Config, limit: Option<usize>) -> Result<[Vec<Arc<Task>>; 2]> {
    let tables = &config.file.dataset;
    let train =
        tables.train.as_ref().ok_or_else(|| unconfigured("train = { path = \"…\", split = \"train\" }"))?;
    let eval =
        tables.eval.as_ref().ok_or_else(|| unconfigured("eval = { path = \"…\", split = \"test\" }"))?;
    let (train, eval) = (configured_tasks(config, train, limit)?, configured_tasks(config, eval, limit)?);
    let learnt: HashMap<String, &str> =
        train.iter().map(|task| (task.value.to_string(), task.id.as_str())).collect();
    match eval.iter().find_map(|task| Some((learnt.get(&task.value.to_string())?, &task.id))) {
        None => Ok([train, eval]),
        Some((train, eval)) => Err(Error::new(
            ErrorKind::Config,
            format!(
                "row {eval} of dataset.eval is also row {train} of dataset.train, so it would measure what was learnt by heart: choose other splits, such as train[:80%] and train[80%:]"
            ),
        )),
    }
}

fn configured_tasks(config: &Config, table: &DatasetTable, limit: Option<usize>) -> Result<Vec<Arc<Task>>> {
    let mut dataset = open_dataset(config, table)?;
    if let Some(limit) = limit {
        dataset = dataset.limit(table.limit.map_or(limit, |configured| configured.min(limit)));
    }
    tasks(&dataset)
}

fn tasks(dataset: &Dataset) -> Result<Vec<Arc<Task>>> {
    dataset.rows()?.map(|row| row.map(|row| Arc::new(Task { id: row.id, value: row.value }))).collect()
}

fn unconfigured(line: &str) -> Error {
    let message = format!("no dataset is configured: write `{line}` under [dataset] in tuner.toml");
    Error::new(ErrorKind::Config, message)
}
