//! `resume`: continue a run that was stopped or killed.

use std::{path::Path, process::ExitCode};

use super::{args::Common, tune};
use crate::{
    config::Config,
    error::Result,
    registry::Registry,
    tuner::{RunDir, Session},
};

pub(super) fn resume(registry: &Registry, common: &Common, run: &Path) -> Result<ExitCode> {
    // Only to find the directory of runs: the run's own settings are in its store.
    let runs = || {
        Config::load(common.config.as_deref(), common.profile(), &common.overrides())
            .map(|config| Session::runs(&config))
    };
    let dir = match RunDir::at(run) {
        Some(dir) => dir,
        None => RunDir::below(&runs()?, run)?,
    };
    tune::proceed(registry, common, &dir)
}
