//! Globs over the files of a dataset, and the default ones by which splits are recognised.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

use super::split;

/// A glob relative to the dataset: `*` stays within a directory, `**` does not. Hidden files, and directories
/// that begin with `__`, match only where the pattern spells the dot or the underscores out.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

/// Never data, unless a pattern ends in exactly that name.
const NOT_DATA: [&str; 6] = [
    "README.md",
    "config.json",
    "dataset_info.json",
    "dataset_infos.json",
    "dummy_data.zip",
    "dataset_dict.json",
];

/// Split names and the words by which they are recognised.
const KEYWORDS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "dev", "val"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// What may stand next to a keyword.
const SEPARATOR: &str = "[-._ 0-9]";

const SHARD_DIGITS: &str = "[0-9][0-9][0-9][0-9][0-9]";

impl Pattern {
    /// # Errors
    /// Text for the user, when it is not a glob or leads out of the dataset.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let remedy = "use a path or glob relative to the dataset, such as `data/*.jsonl`";
        if text.contains("://") || text.split('/').any(|part| part == "..") {
            return Err(format!("the pattern `{text}` leads out of the dataset; {remedy}"));
        }
        // Braces and backslashes are ordinary characters in the globs of `datasets`.
        let escaped = text.replace('{', "[{]").replace('}', "[}]");
        let glob = GlobBuilder::new(&escaped).literal_separator(true).backslash_escape(false).build();
        let glob =
            glob.map_err(|error| format!("the pattern `{text}` is no glob ({}); {remedy}", error.kind()))?;
        Ok(Self { text: text.into(), matcher: glob.compile_matcher() })
    }

    /// Whether it names one file.
    pub(super) fn is_literal(&self) -> bool {
        !self.text.contains(['*', '?', '['])
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
            && !(NOT_DATA.contains(&base(name)) && base(&self.text) != base(name))
            && hidden_parts(name) == hidden_parts(&self.text)
            && special_directories(name) == special_directories(&self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn hidden_parts(path: &str) -> usize {
    path.split('/').filter(|part| part.starts_with('.')).count()
}

fn special_directories(path: &str) -> usize {
    let directories = path.rsplit_once('/').map_or("", |(directories, _)| directories);
    directories.split('/').filter(|part| part.starts_with("__")).count()
}

/// The splits that `names` speak of, by the first of these that finds any: shards in `data/`, directories named
/// after a split, files named after a split, everything as `train`.
pub(super) fn default_patterns(names: &[&str]) -> Result<Vec<(String, Vec<Pattern>)>, String> {
    let shards = sharded(names)?;
    if !shards.is_empty() {
        return Ok(shards);
    }
    let everything = vec![("train", vec!["**".to_owned()])];
    let of_each = |of: fn(&str) -> Vec<String>| {
        KEYWORDS.map(|(split, words)| (split, words.iter().flat_map(|word| of(word)).collect())).to_vec()
    };
    for candidates in [of_each(in_directory), of_each(in_file_name), everything] {
        let mut splits = Vec::new();
        for (split, patterns) in candidates {
            let patterns: Vec<_> =
                patterns.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>()?;
            if names.iter().any(|name| patterns.iter().any(|pattern| pattern.matches(name))) {
                splits.push((split.to_owned(), patterns));
            }
        }
        if !splits.is_empty() {
            return Ok(splits);
        }
    }
    Ok(Vec::new())
}

fn in_directory(word: &str) -> Vec<String> {
    vec![
        format!("**/{word}/**"),
        format!("**/{word}{SEPARATOR}*/**"),
        format!("**/*{SEPARATOR}{word}/**"),
        format!("**/*{SEPARATOR}{word}{SEPARATOR}*/**"),
    ]
}

fn in_file_name(word: &str) -> Vec<String> {
    vec![format!("**/{word}{SEPARATOR}*"), format!("**/*{SEPARATOR}{word}{SEPARATOR}*")]
}

/// `data/{split}-00000-of-00002.parquet`: the three usual splits first, then the others by name.
fn sharded(names: &[&str]) -> Result<Vec<(String, Vec<Pattern>)>, String> {
    let shard = Regex::new(r"^data/([^/]+)-[0-9]{5}-of-[0-9]{5}[^/]*\.[^/]*$").map_err(|e| e.to_string())?;
    let mut splits: Vec<&str> = names
        .iter()
        .filter(|name| hidden_parts(name) == 0)
        .filter_map(|name| Some(shard.captures(name)?.get(1)?.as_str()))
        .collect();
    splits.sort_unstable_by_key(|split| {
        let usual = KEYWORDS.iter().position(|(name, _)| name == split).unwrap_or(KEYWORDS.len());
        (usual, *split)
    });
    splits.dedup();
    let pattern = |split: &str| {
        if !split::is_split_name(split) {
            return Err(format!(
                "the shards `data/{split}-…` have no split name; use letters, digits, `_` and inner dots"
            ));
        }
        let pattern = Pattern::new(&format!("data/{split}-{SHARD_DIGITS}-of-{SHARD_DIGITS}*.*"))?;
        Ok((split.to_owned(), vec![pattern]))
    };
    splits.into_iter().map(pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_hidden_parts() {
        let matches = |pattern: &str, name: &str| Pattern::new(pattern).unwrap().matches(name);
        assert!(matches("**", "a/b/c.csv") && matches("**/*.csv", "c.csv") && !matches("*.csv", "a/c.csv"));
        assert!(!matches("**", ".a.csv") && matches(".*", ".a.csv") && matches(".h/*", ".h/a.csv"));
        assert!(!matches("*/b.csv", "__pycache__/b.csv") && matches("__*/*", "__pycache__/b.csv"));
        assert!(!matches("*", "config.json") && matches("config.json", "config.json"));
        assert!(matches("a{b}.csv", "a{b}.csv") && !matches("{a,b}.csv", "a.csv"));
    }

    #[test]
    fn a_pattern_cannot_leave_the_dataset() {
        assert!(Pattern::new("../x.csv").unwrap_err().contains("leads out"));
        assert!(Pattern::new("a[.csv").unwrap_err().contains("no glob"));
    }
}
