//! The page of a run, with all that its directory and its settings tell.

use std::path::PathBuf;

use super::{RunDir, configuration, vocabularies::Vocabularies};
use crate::{
    error::Result,
    report::html::{self, Material, Mode},
    rollout::Store,
};

/// The page of the run in `dir`, finished or not: see [`report::html`](crate::report::html).
///
/// # Errors
/// [`ErrorKind::Store`](crate::error::ErrorKind::Store) when the run cannot be read.
pub fn report_page(dir: &RunDir, mode: Mode) -> Result<String> {
    let material = Material::read(dir.path())?;
    // A run without settings has a page too; only its tokens cannot be spelled.
    let store = Store::view(dir.store())?;
    let vocabularies = configuration(&store, dir.path(), &[]).map(|config| Vocabularies::of(&config));
    let vocabularies = vocabularies.unwrap_or_default();
    html::page(&material, &|model, ids| vocabularies.pieces(model, ids), mode)
}

/// Writes the page of the run in `dir` into it, as `report.html`; returns where it is.
///
/// # Errors
/// As [`report_page`]; [`ErrorKind::Io`](crate::error::ErrorKind::Io) when it cannot be written.
pub fn write_report(dir: &RunDir) -> Result<PathBuf> {
    dir.write_report(&report_page(dir, Mode::File)?)
}
