//! The `configs:` of a dataset card: YAML between two `---` lines at the top of README.md, or in
//! `.huggingface.yaml`, which overrules it.

use std::{fs, path::Path};

use serde::Deserialize;

use super::split;
use crate::error::{Error, ErrorKind, Result};

pub(super) const README: &str = "README.md";
pub(super) const STANDALONE: &str = ".huggingface.yaml";

/// What a dataset card says of the files. Other keys of the card are none of our business.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct FrontMatter {
    #[serde(default)]
    pub(super) configs: Vec<Config>,
}

/// One subset.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    #[serde(rename = "config_name")]
    pub(super) name: String,
    pub(super) data_files: Option<DataFiles>,
    pub(super) data_dir: Option<String>,
    #[serde(default, rename = "default")]
    pub(super) is_default: bool,
}

/// Patterns, by split or all for `train`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum DataFiles {
    Train(OneOrMany),
    BySplit(Vec<SplitFiles>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitFiles {
    pub(super) split: String,
    pub(super) path: OneOrMany,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(pattern) => vec![pattern],
            Self::Many(patterns) => patterns,
        }
    }
}

impl DataFiles {
    /// The patterns of each split, in the order given.
    pub(super) fn by_split(self) -> Vec<(String, Vec<String>)> {
        match self {
            Self::Train(patterns) => vec![("train".into(), patterns.into_vec())],
            Self::BySplit(splits) => {
                splits.into_iter().map(|files| (files.split, files.path.into_vec())).collect()
            }
        }
    }
}

impl FrontMatter {
    /// Reads what lies in `root`; a directory without a card has no configs.
    pub(super) fn of_directory(root: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = root.join(name);
            match fs::read(&path) {
                Ok(bytes) => Ok(Some((path, String::from_utf8_lossy(&bytes).into_owned()))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => {
                    let message = format!("cannot read `{}`", path.display());
                    Err(Error::new(ErrorKind::Dataset, message).with_source(error))
                }
            }
        };
        if let Some((path, yaml)) = read(STANDALONE)? {
            let standalone = Self::parse(&path, &yaml)?;
            if !standalone.configs.is_empty() {
                return Ok(standalone);
            }
        }
        match read(README)? {
            Some((path, text)) => Self::of_readme(&path, &text),
            None => Ok(Self::default()),
        }
    }

    /// Reads the text of a README; `path` is only named in errors.
    pub(super) fn of_readme(path: &Path, text: &str) -> Result<Self> {
        match front_matter(text) {
            Some(yaml) => Self::parse(path, yaml),
            None => Ok(Self::default()),
        }
    }

    fn parse(path: &Path, yaml: &str) -> Result<Self> {
        if yaml.trim().is_empty() {
            return Ok(Self::default());
        }
        let matter: Self = serde_saphyr::from_str(yaml).map_err(|error| {
            let remedy = "`configs` is a list of {config_name, data_files, data_dir, default}, where data_files \
                          is a pattern, a list of patterns or a list of {split, path}";
            let message = format!("the front matter of `{}` cannot be read; {remedy}", path.display());
            Error::new(ErrorKind::Dataset, message).with_source(Box::new(error))
        })?;
        matter.check().map_err(|fault| {
            Error::new(ErrorKind::Dataset, format!("the front matter of `{}`: {fault}", path.display()))
        })?;
        Ok(matter)
    }

    fn check(&self) -> Result<(), String> {
        for (at, config) in self.configs.iter().enumerate() {
            if self.configs[..at].iter().any(|other| other.name == config.name) {
                return Err(format!("config `{}` is there twice; rename one", config.name));
            }
            let Some(files) = &config.data_files else { continue };
            let splits = files.clone().by_split();
            for (at, (split, _)) in splits.iter().enumerate() {
                if !split::is_split_name(split) {
                    return Err(format!(
                        "`{split}` is no split name; use letters, digits, `_` and inner dots"
                    ));
                }
                if splits[..at].iter().any(|(other, _)| other == split) {
                    return Err(format!("split `{split}` is there twice; give its paths as one list"));
                }
            }
        }
        let defaults: Vec<_> = self.configs.iter().filter(|config| config.claims_default()).collect();
        match defaults[..] {
            [_, _, ..] => Err("several configs are the default; mark one only".into()),
            _ => Ok(()),
        }
    }

    /// The config to read when no subset is named: the only one, or the one that claims it.
    pub(super) fn default_config(&self) -> Option<&Config> {
        match &self.configs[..] {
            [only] => Some(only),
            configs => configs.iter().find(|config| config.claims_default()),
        }
    }
}

impl Config {
    fn claims_default(&self) -> bool {
        self.is_default || self.name == "default"
    }
}

/// The lines between a first line `---` and the next `---`.
fn front_matter(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.split_inclusive('\n').next()?;
    if first.trim_end_matches(['\r', '\n']) != "---" {
        return None;
    }
    let body = &text[first.len()..];
    let mut end = 0;
    for line in body.split_inclusive('\n') {
        if line.trim_end_matches(['\r', '\n']) == "---" {
            return Some(&body[..end]);
        }
        end += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FrontMatter> {
        FrontMatter::of_readme(Path::new("README.md"), text)
    }

    #[test]
    fn every_form_of_data_files() {
        let text = "---\nlicense: mit\nconfigs:\n- config_name: a\n  data_files: x/*.csv\n- config_name: b\n  \
                    data_files: [p, q]\n- config_name: c\n  default: true\n  data_files:\n  - split: train\n    \
                    path: t\n  - split: test\n    path: [u, v]\n- config_name: d\n  data_dir: d\n---\nText\n---\n";
        let matter = read(text).unwrap();
        let files: Vec<_> =
            matter.configs.iter().map(|c| c.data_files.clone().map(DataFiles::by_split)).collect();
        let strings = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        assert_eq!(files[0], Some(vec![("train".into(), strings(&["x/*.csv"]))]));
        assert_eq!(files[1], Some(vec![("train".into(), strings(&["p", "q"]))]));
        assert_eq!(
            files[2],
            Some(vec![("train".into(), strings(&["t"])), ("test".into(), strings(&["u", "v"]))])
        );
        assert_eq!((files[3].clone(), matter.configs[3].data_dir.as_deref()), (None, Some("d")));
        assert_eq!(matter.default_config().map(|config| config.name.as_str()), Some("c"));
    }

    #[test]
    fn a_readme_without_front_matter_has_no_configs() {
        for text in
            ["", "# Title\n---\nconfigs: 3\n---\n", "---\nno end", "---\n---\n", "---\ntags: [a]\n---\n"]
        {
            assert!(read(text).unwrap().configs.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("- config_name: a\n- config_name: a", "twice"),
            ("- data_files: x", "config_name"),
            ("- config_name: a\n  data_files: 3", "data_files"),
            ("- config_name: a\n  data_files:\n  - {split: a-b, path: x}", "no split name"),
            ("- config_name: a\n  data_files:\n  - {split: a, path: u}\n  - {split: a, path: v}", "one list"),
            ("- {config_name: a, default: true}\n- {config_name: default}", "mark one only"),
        ];
        for (configs, part) in cases {
            let error = read(&format!("---\nconfigs:\n{configs}\n---\n")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Dataset);
            assert!(error.chain().contains(part), "{part} in {}", error.chain());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_readme_is_read_or_refused(text in "(?s).{0,200}") {
            let _ = read(&text);
            let _ = read(&format!("---\n{text}\n---\n"));
        }
    }
}
