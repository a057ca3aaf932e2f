//! What values must be, whatever the code says.

use super::{file::File, workflows};
use crate::error::{Error, ErrorKind, Result};

/// Checks every number of the file.
///
/// # Errors
/// [`ErrorKind::Config`] with every value that is out of its range.
pub(super) fn ranges(file: &File, name: &str) -> Result<()> {
    let mut faults = Vec::new();
    let File { limits, budget, run, dataset, models, strategy, .. } = file;
    for (key, value) in [("limits.time", limits.time), ("budget.time", budget.time)] {
        faults.extend(
            value
                .filter(|value| !(value.is_finite() && *value > 0.0))
                .map(|value| format!("{key} is {value}, but must be a number of seconds above 0")),
        );
    }
    for (key, value) in [("limits.usd", limits.usd), ("budget.usd", budget.usd)] {
        faults.extend(
            value
                .filter(|value| !(value.is_finite() && *value >= 0.0))
                .map(|value| format!("{key} is {value}, but must be at least 0")),
        );
    }
    let select = strategy.select.as_ref();
    let at_least_one = [
        ("run.concurrency", run.concurrency == Some(0)),
        ("dataset.train.limit", dataset.train.as_ref().is_some_and(|table| table.limit == Some(0))),
        ("dataset.eval.limit", dataset.eval.as_ref().is_some_and(|table| table.limit == Some(0))),
        ("strategy.select.repeats", select.is_some_and(|table| table.repeats == Some(0))),
    ];
    faults.extend(
        at_least_one
            .iter()
            .filter(|(_, zero)| *zero)
            .map(|(key, _)| format!("{key} is 0, but must be at least 1")),
    );
    let prompt = strategy.prompt.iter().flat_map(|table| table.tuning().faults());
    faults.extend(prompt.map(|fault| format!("strategy.prompt.{fault}")));
    faults.extend(workflows::faults(&file.workflows));
    faults.extend(file.ray.faults().into_iter().map(|fault| format!("ray.{fault}")));
    for (model, spec) in models {
        faults.extend(spec.faults().into_iter().map(|fault| format!("models.{model}: {fault}")));
    }
    if faults.is_empty() {
        return Ok(());
    }
    let faults: Vec<_> = faults.into_iter().map(|fault| format!("{name}: {fault}")).collect();
    Err(Error::new(ErrorKind::Config, faults.join("\n")))
}
