//! `strftime_now`, by which templates tell the model the date.

use jiff::Zoned;
use minijinja::{Error, ErrorKind};

/// The local time in the given format.
pub(super) fn strftime_now(format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, &Zoned::now())
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {error}")))
}
