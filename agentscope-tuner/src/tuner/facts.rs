//! How a run was begun, as its store keeps it.

use std::path::Path;

use crate::{
    config::{Config, Override},
    error::{Error, ErrorKind, Result},
    rollout::Store,
};

/// Under these keys the store keeps the settings, and the directory that their paths start at.
pub(crate) const CONFIG: &str = "config";
pub(crate) const DIRECTORY: &str = "directory";

/// The settings that the run in `directory` was begun with, `overrides` laid over them.
///
/// # Errors
/// [`ErrorKind::Store`] where it kept none: it was killed too early, or it was run from within a program.
pub(crate) fn configuration(store: &Store, directory: &Path, overrides: &[Override]) -> Result<Config> {
    let fact = |key: &str| {
        store.meta(key)?.ok_or_else(|| {
            let message = format!(
                "{} keeps no settings: it was killed before it began, or run by a program of its own; start it again",
                directory.display()
            );
            Error::new(ErrorKind::Store, message)
        })
    };
    let name = format!("the configuration of {}", directory.display());
    Config::parse(&fact(CONFIG)?, &name, fact(DIRECTORY)?.into(), None, overrides)
}
