//! Script files.

use std::path::Path;

use serde::Deserialize;

use super::Rule;
use crate::error::{Error, ErrorKind, Result};

/// The rules of a `.toml` or `.jsonl` file.
///
/// # Errors
/// [`ErrorKind::Config`] names the file and the line.
pub(super) fn read(path: &Path) -> Result<Vec<Rule>> {
    let wrong = |what: String| Error::new(ErrorKind::Config, format!("script {}: {what}", path.display()));
    let text =
        std::fs::read_to_string(path).map_err(|error| wrong("cannot be read".into()).with_source(error))?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => toml_rules(&text).map_err(|error| wrong(error.to_string())),
        Some("jsonl") => jsonl_rules(&text).map_err(wrong),
        _ => Err(wrong("has an unknown extension; name it .toml or .jsonl".into())),
    }
}

fn toml_rules(text: &str) -> Result<Vec<Rule>, toml::de::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Script {
        #[serde(default)]
        rule: Vec<Rule>,
    }
    toml::from_str::<Script>(text).map(|script| script.rule)
}

fn jsonl_rules(text: &str) -> Result<Vec<Rule>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))
        })
        .collect()
}
