//! Everything that is printed goes through here: results to standard output, all else to standard error.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// A line of a result.
pub(super) fn line(text: &str) {
    // A reader that has gone away (`| head`) is no failure.
    _ = writeln!(anstream::stdout(), "{text}");
}

/// A line about what is going on.
pub(super) fn note(text: &str) {
    _ = writeln!(anstream::stderr(), "{DIM}{text}{DIM:#}");
}

/// What went wrong, with all its causes.
pub(super) fn error(error: &Error) {
    let chain = error.chain();
    let mut lines = chain.lines();
    let mut out = anstream::stderr().lock();
    _ = writeln!(out, "{RED}error{RED:#}: {}", lines.next().unwrap_or_default());
    for line in lines {
        _ = writeln!(out, "       {line}");
    }
}

/// A result for machines.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| {
        Error::new(ErrorKind::Other, "the result cannot be written as JSON").with_source(error)
    })?;
    line(&text);
    Ok(())
}
