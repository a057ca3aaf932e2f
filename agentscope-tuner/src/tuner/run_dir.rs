//! The directory of a run.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    error::{BoxError, Error, ErrorKind, Result},
    strategy::Outcome,
};

const STORE: &str = "run.sqlite";
const OUTCOME: &str = "outcome.json";
const REPORT: &str = "report.html";
const LATEST: &str = "latest";

/// A directory that holds all of one run: `run.sqlite`, and `outcome.json` once there is one.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// Makes a new directory below `runs`, named after the time and the verb, and points `latest` to it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be made.
    pub fn create(runs: &Path, verb: &str) -> Result<Self> {
        let failed = |error| io("make a directory for the run in", runs, error);
        fs::create_dir_all(runs).map_err(failed)?;
        let stamp = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
        // Two runs of the same second get different names.
        for number in 1_u32.. {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let name = format!("{stamp}-{verb}{suffix}");
            match fs::create_dir(runs.join(&name)) {
                Ok(()) => {
                    point_latest(runs, &name);
                    return Ok(Self(runs.join(name)));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Error::new(ErrorKind::Io, "no free name for the run"))
    }

    /// The run at `path`, if there is one.
    pub fn at(path: &Path) -> Option<Self> {
        path.join(STORE).is_file().then(|| Self(path.to_owned()))
    }

    /// The run of this name below `runs`; `latest` is the newest.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no run, with those that there are.
    pub fn below(runs: &Path, name: &Path) -> Result<Self> {
        Self::at(&runs.join(name)).ok_or_else(|| {
            let known = known(runs);
            let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
            let (name, runs) = (name.display(), runs.display());
            Error::new(ErrorKind::Usage, format!("there is no run `{name}`; in {runs}: {known}"))
        })
    }

    /// The run of one workflow, where this one is of several.
    pub fn part(&self, workflow: &str) -> Option<Self> {
        Self::at(&self.0.join(workflow))
    }

    /// The runs of all workflows, by name, where this one is of several; else none.
    pub fn parts(&self) -> Vec<Self> {
        known(&self.0).iter().filter_map(|name| self.part(name)).collect()
    }

    /// The place of the run of one workflow, made where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be made.
    pub fn make_part(&self, workflow: &str) -> Result<Self> {
        let path = self.0.join(workflow);
        fs::create_dir_all(&path).map_err(|error| io("make a directory for the run in", &self.0, error))?;
        Ok(Self(path))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The run store.
    pub fn store(&self) -> PathBuf {
        self.0.join(STORE)
    }

    /// Writes `text` as the file of this name, whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        write_whole(&path, text.as_bytes()).map_err(|error| io("write", &path, error))?;
        Ok(path)
    }

    /// The outcome, once there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when it cannot be read.
    pub fn outcome(&self) -> Result<Option<Outcome>> {
        let path = self.0.join(OUTCOME);
        if !path.is_file() {
            return Ok(None);
        }
        let read = fs::read_to_string(&path).map_err(BoxError::from);
        read.and_then(|json| serde_json::from_str(&json).map_err(BoxError::from)).map(Some).map_err(|error| {
            let message = format!("{} cannot be read", path.display());
            Error::new(ErrorKind::Store, message).with_source(error)
        })
    }

    /// Writes the outcome, whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be written.
    pub fn write_outcome(&self, json: &str) -> Result<PathBuf> {
        self.write(OUTCOME, json)
    }

    /// Writes the report, whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be written.
    pub fn write_report(&self, html: &str) -> Result<PathBuf> {
        self.write(REPORT, html)
    }
}

/// Through a temporary file beside it, so that a kill never leaves half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(unix)]
fn point_latest(runs: &Path, name: &str) {
    let link = runs.join(LATEST);
    let next = runs.join(format!("{LATEST}.{name}"));
    let made = std::os::unix::fs::symlink(name, &next).and_then(|()| fs::rename(&next, &link));
    if let Err(error) = made {
        tracing::warn!(%error, "`latest` could not be pointed to the new run");
    }
}

#[cfg(not(unix))]
fn point_latest(_: &Path, _: &str) {}

fn known(runs: &Path) -> Vec<String> {
    let entries = fs::read_dir(runs).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| entry.path().join(STORE).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn io(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {doing} {}", path.display())).with_source(error)
}
