//! `resume`: continue a run that was stopped or killed.

use std::{path::Path, process::ExitCode};

use super::{args::Common, tune};
use crate::{
    config::Config,
    error::Result,
    tuner::{RunDir, Session},
};

pub(super) fn resume(common: &Common, run: &Path) -> Result<ExitCode> {
    tune::proceed(common, &find(common, run)?)
}

/// The run at `run`, or of that name where runs are kept.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) that lists the runs there are.
pub(super) fn find(common: &Common, run: &Path) -> Result<RunDir> {
    // Only to find the directory of runs: the run's own settings are in its store.
    let runs = || {
        Config::load(common.config.as_deref(), common.profile(), &common.overrides())
            .map(|config| Session::runs(&config))
    };
    match RunDir::at(run) {
        Some(dir) => Ok(dir),
        None => RunDir::below(&runs()?, run),
    }
}
