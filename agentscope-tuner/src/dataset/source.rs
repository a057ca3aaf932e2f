//! Where the files of a dataset lie, and which there are.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::{front_matter::FrontMatter, hub};
use crate::{
    error::{Error, ErrorKind, Result},
    text,
};

/// What [`Dataset::open`](super::Dataset::open) was given.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Memory(Arc<[Value]>),
    File(PathBuf),
    Directory(PathBuf),
    Hub(hub::Repository),
}

/// All files below a root, before any of them is opened.
pub(super) struct Listing {
    /// Sorted by [`Entry::name`].
    pub(super) entries: Vec<Entry>,
    pub(super) front_matter: FrontMatter,
}

/// One file of a [`Listing`].
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Relative to the root, with `/` between the parts.
    pub(super) name: String,
    pub(super) bytes: Option<u64>,
    pub(super) location: Location,
}

/// How to get at the contents of a file.
#[derive(Clone, Debug)]
pub(super) enum Location {
    Memory(Arc<[Value]>),
    Local(PathBuf),
    #[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "its payload is uninhabited"))]
    Hub(hub::Repository, String),
}

impl Location {
    /// The path as the user would name it, if there is one.
    pub(super) fn shown(&self) -> Option<PathBuf> {
        match self {
            Self::Memory(_) => None,
            Self::Local(path) => Some(path.clone()),
            Self::Hub(repository, name) => Some(Path::new(repository.name()).join(name)),
        }
    }
}

impl Source {
    /// Finds out what `given` means. Looks at the file system, never at the network.
    pub(super) fn find(given: &Path) -> Result<Self> {
        match fs::metadata(given) {
            Ok(found) if found.is_dir() => return Ok(Self::Directory(given.into())),
            Ok(_) => return Ok(Self::File(given.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("cannot look at the dataset `{}`", given.display());
                return Err(Error::new(ErrorKind::Dataset, message).with_source(error));
            }
        }
        let missing = missing(given);
        match given.to_str().filter(|name| hub::is_name(name)) {
            Some(name) => hub::Repository::new(name, &missing).map(Self::Hub),
            None => Err(Error::new(ErrorKind::Dataset, missing)),
        }
    }
}

impl Listing {
    /// One file, whatever lies beside it.
    pub(super) fn entry(path: &Path) -> Entry {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::metadata(path).ok().map(|found| found.len());
        Entry { name, bytes, location: Location::Local(path.into()) }
    }

    /// Every file below `root` with its size, and what the README says of them.
    ///
    /// Symbolic links are followed, except to a directory that contains the link.
    pub(super) fn of_directory(root: &Path) -> Result<Self> {
        let mut entries = Vec::new();
        walk(root, "", &mut Vec::new(), &mut entries)?;
        entries.sort_by(|a: &Entry, b: &Entry| a.name.cmp(&b.name));
        Ok(Self { entries, front_matter: FrontMatter::of_directory(root)? })
    }
}

fn walk(directory: &Path, prefix: &str, above: &mut Vec<PathBuf>, entries: &mut Vec<Entry>) -> Result<()> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot list the directory `{}`", directory.display());
        Error::new(ErrorKind::Dataset, message).with_source(error)
    };
    let real = fs::canonicalize(directory).map_err(failed)?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // A dangling link is nobody's data.
        let Ok(found) = fs::metadata(&path) else { continue };
        let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if found.is_dir() {
            if entry.file_name() != ".git" {
                walk(&path, &name, above, entries)?;
            }
        } else if found.is_file() {
            entries.push(Entry { name, bytes: Some(found.len()), location: Location::Local(path) });
        }
    }
    above.pop();
    Ok(())
}

/// What to say of a path that does not exist.
fn missing(given: &Path) -> String {
    let mut message = format!("there is no file or directory `{}`", given.display());
    if given.is_relative()
        && let Ok(current) = std::env::current_dir()
    {
        message += &format!(" in `{}`", current.display());
    }
    match nearest(given) {
        Some(near) => message + &format!("; did you mean `{}`?", near.display()),
        None => message + "; correct the path",
    }
}

/// The existing path most like `given`, if one is like it: its first missing part is the one replaced.
fn nearest(given: &Path) -> Option<PathBuf> {
    let (parent, wanted) = given
        .ancestors()
        .filter_map(|path| Some((path.parent()?, path.file_name()?.to_str()?)))
        .find(|(parent, _)| parent.as_os_str().is_empty() || parent.is_dir())?;
    let listed = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let names = fs::read_dir(listed).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<_> = names.collect();
    let known: Vec<_> = names.iter().map(String::as_str).collect();
    text::nearest(wanted, &known).map(|name| parent.join(name))
}
