//! `report`: the page of a run.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    args::{Common, Format, ReportOptions},
    live, resume, show,
};
use crate::{
    error::{Error, ErrorKind, Result},
    tuner::{RunDir, write_report},
};

pub(super) fn report(common: &Common, options: &ReportOptions) -> Result<ExitCode> {
    // `--live` asks for a view here, and not for the profile of that name.
    let dir = resume::find(&Common { live: false, ..common.clone() }, &options.run)?;
    if common.live {
        return live::serve(&dir, common, options);
    }
    let parts = dir.parts();
    let paths = if parts.is_empty() { vec![write_report(&dir)?] } else { all(&parts)? };
    match (common.format(), paths.as_slice()) {
        (Format::Json, [path]) => show::json(&serde_json::json!({ "report": path }))?,
        (Format::Json, paths) => show::json(&serde_json::json!({ "reports": paths }))?,
        (Format::Text, paths) => {
            paths.iter().for_each(|path| show::line(&format!("the report is {}", path.display())));
        }
    }
    if options.open {
        paths.iter().try_for_each(open)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The pages of a run over several workflows, of which some may not have begun.
fn all(parts: &[RunDir]) -> Result<Vec<PathBuf>> {
    parts.iter().map(write_report).collect()
}

/// Opens a file or an address in the browser.
pub(super) fn open(what: impl AsRef<Path>) -> Result<()> {
    let what = what.as_ref();
    open::that_detached(what).map_err(|error| {
        let message = format!("no browser could be started: open {} yourself", what.display());
        Error::new(ErrorKind::Io, message).with_source(error)
    })
}
