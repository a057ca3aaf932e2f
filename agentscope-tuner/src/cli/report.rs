//! `report`: the page of a run.

use std::{path::Path, process::ExitCode};

use super::{
    args::{Common, Format, ReportOptions},
    live, resume, show,
};
use crate::{
    error::{Error, ErrorKind, Result},
    tuner::write_report,
};

pub(super) fn report(common: &Common, options: &ReportOptions) -> Result<ExitCode> {
    // `--live` asks for a view here, and not for the profile of that name.
    let dir = resume::find(&Common { live: false, ..common.clone() }, &options.run)?;
    if common.live {
        return live::serve(&dir, common, options);
    }
    let path = write_report(&dir)?;
    match common.format() {
        Format::Json => show::json(&serde_json::json!({ "report": path }))?,
        Format::Text => show::line(&format!("the report is {}", path.display())),
    }
    if options.open {
        open(&path)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a file or an address in the browser.
pub(super) fn open(what: impl AsRef<Path>) -> Result<()> {
    let what = what.as_ref();
    open::that_detached(what).map_err(|error| {
        let message = format!("no browser could be started: open {} yourself", what.display());
        Error::new(ErrorKind::Io, message).with_source(error)
    })
}
