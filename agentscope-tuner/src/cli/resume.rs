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
    let config = Config::load(common.config.as_deref(), &[])?;
    let dir = RunDir::open(&Session::runs(&config), run)?;
    tune::proceed(registry, common, &dir)
}
