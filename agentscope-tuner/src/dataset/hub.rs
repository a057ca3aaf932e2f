//! Datasets by name on the Hugging Face hub.

#[cfg(feature = "hub")]
mod client;

#[cfg(feature = "hub")]
pub(super) use self::client::Repository;
#[cfg(not(feature = "hub"))]
pub(super) use self::off::Repository;

/// Whether `text` could be a name on the hub: `owner/name`.
pub(super) fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(inner)
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

#[cfg(not(feature = "hub"))]
mod off {
    use std::path::PathBuf;

    use crate::{
        dataset::source::Listing,
        error::{Error, ErrorKind, Result},
    };

    /// Uninhabited: without the feature there is no hub.
    #[derive(Clone, Debug)]
    pub(in crate::dataset) enum Repository {}

    impl Repository {
        pub(in crate::dataset) fn new(name: &str, missing: &str) -> Result<Self> {
            let message = format!(
                "{missing}; if `{name}` is meant as a name on the Hugging Face hub, enable the feature `hub` of \
                 agentscope-tuner"
            );
            Err(Error::new(ErrorKind::Dataset, message))
        }

        pub(in crate::dataset) fn name(&self) -> &str {
            match *self {}
        }

        pub(in crate::dataset) fn listing(&self) -> Result<Listing> {
            match *self {}
        }

        pub(in crate::dataset) fn download(&self, _name: &str) -> Result<PathBuf> {
            match *self {}
        }
    }
}
