//! Where a project gets the framework from.

use std::path::{Path, PathBuf};

/// Folder of the library in a checkout.
const LIBRARY: &str = "agentscope-tuner";

/// Where a project gets the framework from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The registry, in the version of this program.
    Registry,
    /// The newest commit of a repository.
    Git(String),
    /// The folder of the library in a checkout, absolute.
    Path(PathBuf),
}

impl Source {
    /// The library in the checkout at `directory`.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn checkout(directory: &Path) -> Result<Self, String> {
        let library = directory.join(LIBRARY);
        if !library.join("Cargo.toml").is_file() {
            let shown = directory.display();
            return Err(format!(
                "{shown} is no checkout of agentscope-tuner: there is no {LIBRARY}/Cargo.toml in it; give --path the directory that \
                 holds it"
            ));
        }
        let absolute = library.canonicalize().map_err(|error| format!("{}: {error}", library.display()))?;
        // Manifests are UTF-8.
        match absolute.to_str() {
            Some(_) => Ok(Self::Path(absolute)),
            None => Err(format!(
                "{} cannot be written into a Cargo.toml: move it to a path of UTF-8",
                absolute.display()
            )),
        }
    }

    /// The keys of the dependency that say so.
    pub(crate) fn keys(&self) -> String {
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self {
            Self::Registry => format!("version = {}", text(env!("CARGO_PKG_VERSION"))),
            Self::Git(url) => format!("git = {}", text(url)),
            Self::Path(path) => format!("path = {}", text(&path.to_string_lossy())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_toml() {
        let odd = PathBuf::from("/a \"b\"\\c/ü");
        for (source, key, value) in [
            (Source::Registry, "version", env!("CARGO_PKG_VERSION")),
            (Source::Git("https://host/x?a=\"b\"".into()), "git", "https://host/x?a=\"b\""),
            (Source::Path(odd.clone()), "path", odd.to_str().unwrap()),
        ] {
            let table: toml::Table = source.keys().parse().unwrap();
            assert_eq!(table[key].as_str(), Some(value));
        }
    }
}
