//! Directories that are whole, or not there: checkpoints, and weights for a server.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::error::{Error, ErrorKind, Result};

/// Directories whose name begins so are not whole yet.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// A new directory below `directory`, which is made if need be; it goes away unless it is [published](publish).
pub(super) fn unfinished(directory: &Path) -> Result<TempDir> {
    fs::create_dir_all(directory).map_err(|error| io("make", directory, error))?;
    let made = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(directory);
    made.map_err(|error| io("write below", directory, error))
}

/// Gives a directory that is whole its name. A server may read it, as another user.
pub(super) fn publish(unfinished: TempDir, place: &Path) -> Result<()> {
    readable(unfinished.path()).map_err(|error| io("open for the server", place, error))?;
    fs::rename(unfinished.keep(), place).map_err(|error| io("write", place, error))
}

#[cfg(unix)]
fn readable(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Removes a directory, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", path, error)),
        _ => Ok(()),
    }
}

/// A failure of the system at `path`.
pub(super) fn io(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {doing} {}", path.display())).with_source(error)
}
