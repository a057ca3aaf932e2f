//! The vocabularies of the embedded models of a configuration, read when they are first asked for.

#[cfg(feature = "embedded")]
pub(super) use with_policy::Vocabularies;

#[cfg(not(feature = "embedded"))]
pub(super) use without_policy::Vocabularies;

#[cfg(feature = "embedded")]
mod with_policy {
    use std::{collections::BTreeMap, path::PathBuf, sync::OnceLock};

    use crate::{
        config::Config,
        model::{ModelSpec, embedded::Spelling},
    };

    /// Vocabularies by the display form of their model's id.
    #[derive(Debug, Default)]
    pub(in crate::tuner) struct Vocabularies(BTreeMap<String, Vocabulary>);

    #[derive(Debug)]
    struct Vocabulary {
        directory: PathBuf,
        spelling: OnceLock<Option<Spelling>>,
    }

    impl Vocabularies {
        pub(in crate::tuner) fn of(config: &Config) -> Self {
            let specs = config.file.models.values().filter(|spec| spec.provider == "embedded");
            Self(specs.filter_map(|spec| vocabulary(config, spec)).collect())
        }

        /// The text of each of `ids`; `None` where the model's directory is not at hand.
        pub(in crate::tuner) fn pieces(&self, model: &str, ids: &[u32]) -> Option<Vec<String>> {
            let Vocabulary { directory, spelling } = self.0.get(model)?;
            let spelling = spelling.get_or_init(|| {
                let opened = Spelling::open(directory);
                opened.inspect_err(|error| tracing::warn!("{}: ids are shown", error.chain())).ok()
            });
            Some(spelling.as_ref()?.pieces(ids))
        }
    }

    fn vocabulary(config: &Config, spec: &ModelSpec) -> Option<(String, Vocabulary)> {
        let directory = config.resolve(spec.path.as_ref()?);
        // A model without a name is called as its directory is.
        let of_directory = || directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = if spec.name.is_empty() { of_directory() } else { spec.name.clone() };
        Some((format!("embedded:{name}"), Vocabulary { directory, spelling: OnceLock::new() }))
    }
}

#[cfg(not(feature = "embedded"))]
mod without_policy {
    use crate::config::Config;

    /// Nothing is known of any token.
    #[derive(Debug, Default)]
    pub(in crate::tuner) struct Vocabularies;

    impl Vocabularies {
        pub(in crate::tuner) fn of(_: &Config) -> Self {
            Self
        }

        pub(in crate::tuner) fn pieces(&self, _: &str, _: &[u32]) -> Option<Vec<String>> {
            None
        }
    }
}
