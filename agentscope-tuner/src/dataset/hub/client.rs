//! Listing and downloading through the `hf-hub` crate, which keeps its files in the cache of the Python libraries and
//! honours `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and the token file of a login.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use hf_hub::{
    HFClientSync, HFError, HFRepositorySync,
    repository::{RepoTreeEntry, RepoTypeDataset},
};

use crate::{
    dataset::{
        front_matter::{FrontMatter, README},
        source::{Entry, Listing, Location},
    },
    error::{Error, ErrorKind, Result},
};

/// A dataset repository. The first use of the network fixes the commit that all later uses see.
#[derive(Clone)]
pub(in crate::dataset) struct Repository(Arc<Inner>);

struct Inner {
    name: String,
    /// What was said of the local path of that name.
    missing: String,
    pinned: Mutex<Option<Pinned>>,
}

#[derive(Clone)]
struct Pinned {
    repository: HFRepositorySync<RepoTypeDataset>,
    commit: Option<String>,
}

impl Repository {
    /// The repository `owner/name`; `missing` tells that there is no such local path. Does not use the network.
    pub(in crate::dataset) fn new(name: &str, missing: &str) -> Result<Self> {
        let (name, missing) = (name.to_owned(), missing.to_owned());
        Ok(Self(Arc::new(Inner { name, missing, pinned: Mutex::new(None) })))
    }

    pub(in crate::dataset) fn name(&self) -> &str {
        &self.0.name
    }

    /// All files of the repository, none of them downloaded but the card.
    pub(in crate::dataset) fn listing(&self) -> Result<Listing> {
        let Pinned { repository, commit } = self.pinned()?;
        let tree = repository.list_tree().recursive(true).maybe_revision(commit).send();
        let mut entries: Vec<Entry> = tree
            .map_err(|error| self.explain(error))?
            .into_iter()
            .filter_map(|entry| match entry {
                RepoTreeEntry::File { size, path, .. } => Some((size, path)),
                RepoTreeEntry::Directory { .. } => None,
            })
            .map(|(size, name)| Entry {
                location: Location::Hub(self.clone(), name.clone()),
                bytes: Some(size),
                name,
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let front_matter = self.front_matter(&entries)?;
        Ok(Listing { entries, front_matter })
    }

    fn front_matter(&self, entries: &[Entry]) -> Result<FrontMatter> {
        if !entries.iter().any(|entry| entry.name == README) {
            return Ok(FrontMatter::default());
        }
        let local = self.download(README)?;
        let shown = Path::new(self.name()).join(README);
        let text = fs::read(&local).map_err(|error| {
            let message = format!("cannot read `{}` in the hub's cache", local.display());
            Error::new(ErrorKind::Dataset, message).with_source(error)
        })?;
        FrontMatter::of_readme(&shown, &String::from_utf8_lossy(&text))
    }

    /// The path of a file in the cache, downloaded if it is not there yet.
    pub(in crate::dataset) fn download(&self, name: &str) -> Result<PathBuf> {
        let Pinned { repository, commit } = self.pinned()?;
        tracing::debug!(dataset = self.name(), file = name, "looking up in the cache of the hub");
        repository.download_file().filename(name).maybe_revision(commit).send().map_err(|e| self.explain(e))
    }

    fn pinned(&self) -> Result<Pinned> {
        // The lock guards a cell that is only ever filled.
        let mut pinned = self.0.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pinned) = &*pinned {
            return Ok(pinned.clone());
        }
        let client = HFClientSync::new().map_err(|error| self.explain(error))?;
        let (owner, name) = hf_hub::split_id(self.name());
        let repository = client.dataset(owner, name);
        let commit = repository.info().send().map_err(|error| self.explain(error))?.sha;
        Ok(pinned.insert(Pinned { repository, commit }).clone())
    }

    fn explain(&self, error: HFError) -> Error {
        let (name, missing) = (&self.0.name, &self.0.missing);
        let message = match &error {
            HFError::AuthRequired { .. } => format!(
                "the hub does not show the dataset `{name}` without a valid token; set HF_TOKEN to one that may read \
                 it ({missing})"
            ),
            HFError::Forbidden { .. } => format!(
                "the token may not read the dataset `{name}` of the hub; accept its terms on its page there, or set \
                 HF_TOKEN to a token that may read it"
            ),
            HFError::RepoNotFound { .. } => format!(
                "the hub has no dataset `{name}`, and {missing}; correct the name, or set HF_TOKEN if it is private"
            ),
            HFError::EntryNotFound { path, .. } => {
                format!("the dataset `{name}` of the hub has no file `{path}` any more; run again")
            }
            HFError::RateLimited { .. } => {
                format!("the hub asks to wait before reading `{name}`; run again later")
            }
            _ => format!(
                "the dataset `{name}` cannot be read from the hub; check the network and HF_ENDPOINT ({missing})"
            ),
        };
        let retry_after = match &error {
            HFError::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        };
        Error::new(ErrorKind::Dataset, message).with_source(Box::new(error)).with_retry_after(retry_after)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repository").field(&self.0.name).finish()
    }
}
