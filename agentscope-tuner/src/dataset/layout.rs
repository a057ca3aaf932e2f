//! Which file belongs to which split, decided from names alone.
//!
//! The rules are those of `datasets.load_dataset` for a local directory (its `data_files.py` and `load.py`), with
//! these differences: files of formats that this crate cannot read are left out before the rules are applied, not
//! after; a file that several patterns of one split name is read once; and splits may differ in format.

use std::collections::BTreeMap;

use super::{
    format::Format,
    front_matter::{Config, FrontMatter},
    pattern::{Pattern, default_patterns},
    source::{Entry, Listing},
};
use crate::error::{Error, ErrorKind, Result};

/// The files of one split, in reading order.
#[derive(Clone, Debug)]
pub(super) struct SplitFiles {
    pub(super) name: String,
    pub(super) files: Vec<DataFile>,
}

/// A file and how to read it.
#[derive(Clone, Debug)]
pub(super) struct DataFile {
    pub(super) entry: Entry,
    pub(super) format: Format,
}

/// The name of the only subset of a dataset without `configs:`.
const DEFAULT: &str = "default";

/// The splits of `subset` (`None`: the default one) of the dataset that calls itself `name`.
pub(super) fn splits(name: &str, listing: &Listing, subset: Option<&str>) -> Result<Vec<SplitFiles>> {
    let config = choose(name, &listing.front_matter, subset)?;
    let base = config.and_then(|config| config.data_dir.as_deref()).map(normal).unwrap_or_default();
    let entries = below(&listing.entries, &base);
    let patterns = match config.and_then(|config| config.data_files.clone()) {
        Some(files) => explicit(files.by_split())?,
        None => default_patterns(&readable(&entries)).map_err(dataset)?,
    };
    if patterns.is_empty() {
        return Err(dataset(nothing_found(name, &base, &entries)));
    }
    let resolved = patterns.into_iter().map(|(split, patterns)| resolve(name, split, &patterns, &entries));
    let splits = resolved.collect::<Result<Vec<_>>>()?;
    warn_of_overlap(name, &splits);
    Ok(splits)
}

/// A file such as `train_test.csv` belongs to both splits, as it does for `datasets`; rarely is that meant.
fn warn_of_overlap(name: &str, splits: &[SplitFiles]) {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for split in splits {
        for file in &split.files {
            owners.entry(&file.entry.name).or_default().push(&split.name);
        }
    }
    for (file, splits) in owners.into_iter().filter(|(_, splits)| splits.len() > 1) {
        tracing::warn!(
            dataset = name,
            file,
            ?splits,
            "a file belongs to several splits; rename it if not meant"
        );
    }
}

fn choose<'a>(name: &str, matter: &'a FrontMatter, subset: Option<&str>) -> Result<Option<&'a Config>> {
    let configs = &matter.configs;
    let names = || configs.iter().map(|config| format!("`{}`", config.name)).collect::<Vec<_>>().join(", ");
    match subset {
        None if configs.is_empty() => Ok(None),
        Some(DEFAULT) if configs.is_empty() => Ok(None),
        Some(wanted) if configs.is_empty() => Err(dataset(format!(
            "`{name}` has no subset `{wanted}`: its README.md lists no `configs`; leave the subset out, or open the \
             directory that holds it"
        ))),
        None => matter.default_config().map(Some).ok_or_else(|| {
            dataset(format!("`{name}` has several subsets and no default; name one of {}", names()))
        }),
        Some(wanted) => configs
            .iter()
            .find(|config| config.name == wanted)
            .map(Some)
            .ok_or_else(|| dataset(format!("`{name}` has no subset `{wanted}`; name one of {}", names()))),
    }
}

fn explicit(splits: Vec<(String, Vec<String>)>) -> Result<Vec<(String, Vec<Pattern>)>> {
    let compile = |patterns: Vec<String>| {
        patterns.iter().map(|text| Pattern::new(&normal(text))).collect::<Result<Vec<_>, _>>()
    };
    splits.into_iter().map(|(split, patterns)| Ok((split, compile(patterns).map_err(dataset)?))).collect()
}

/// A relative path without `./` and without a slash at its end.
fn normal(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

/// The entries below the directory `base`, named relative to it.
fn below(entries: &[Entry], base: &str) -> Vec<Entry> {
    if base.is_empty() {
        return entries.to_vec();
    }
    let inside = |entry: &Entry| {
        let name = entry.name.strip_prefix(base)?.strip_prefix('/')?;
        Some(Entry { name: name.into(), ..entry.clone() })
    };
    entries.iter().filter_map(inside).collect()
}

fn readable(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).filter(|name| Format::of(name).is_some()).collect()
}

fn resolve(name: &str, split: String, patterns: &[Pattern], entries: &[Entry]) -> Result<SplitFiles> {
    let mut found: Vec<&Entry> = Vec::new();
    for pattern in patterns {
        let matching = entries.iter().filter(|entry| pattern.matches(&entry.name));
        let mut any = false;
        for entry in matching {
            any = true;
            if Format::of(&entry.name).is_some() && found.iter().all(|other| other.name != entry.name) {
                found.push(entry);
            }
        }
        if !any && pattern.is_literal() {
            return Err(dataset(format!(
                "split `{split}` of `{name}` names the file `{pattern}`, which is not there; correct `data_files` \
                 in its README.md"
            )));
        }
    }
    let files = of_one_format(name, &split, &found);
    if files.is_empty() {
        let patterns: Vec<_> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
        return Err(dataset(format!(
            "split `{split}` of `{name}` has no data file: nothing readable matches {}; {}",
            patterns.join(", "),
            Format::READABLE
        )));
    }
    Ok(SplitFiles { name: split, files })
}

/// The files whose format is the most common one. On a draw parquet wins, then arrow, jsonl, json and csv.
fn of_one_format(name: &str, split: &str, found: &[&Entry]) -> Vec<DataFile> {
    let mut votes: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for entry in found {
        for (rank, suffix) in Format::suffixes(&entry.name) {
            *votes.entry((rank, suffix)).or_default() += 1;
        }
    }
    let winner = votes.into_iter().max_by_key(|(key, count)| (*count, *key)).map(|((_, suffix), _)| suffix);
    let Some(winner) = winner.and_then(Format::of_suffix) else { return Vec::new() };
    let (kept, left): (Vec<&Entry>, Vec<&Entry>) =
        found.iter().partition(|entry| Format::within(&entry.name, winner).is_some());
    if !left.is_empty() {
        let left: Vec<_> = left.iter().map(|entry| entry.name.as_str()).collect();
        tracing::warn!(dataset = name, split, ?left, "files of a less common format are not read");
    }
    let file = |entry: &Entry| {
        Format::within(&entry.name, winner).map(|format| DataFile { entry: entry.clone(), format })
    };
    kept.into_iter().filter_map(file).collect()
}

fn nothing_found(name: &str, base: &str, entries: &[Entry]) -> String {
    let place = if base.is_empty() { format!("`{name}`") } else { format!("`{base}` of `{name}`") };
    let shown: Vec<_> = entries.iter().take(8).map(|entry| format!("`{}`", entry.name)).collect();
    let seen = match entries.len() {
        0 => "it holds no file".to_owned(),
        many if many > shown.len() => {
            format!("it holds {} and {} more", shown.join(", "), many - shown.len())
        }
        _ => format!("it holds {}", shown.join(", ")),
    };
    format!("{place} has no data file: {seen}; {}", Format::READABLE)
}

fn dataset(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Dataset, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::source::Location;

    fn layout(names: &[&str]) -> Result<Vec<(String, Vec<String>)>> {
        let mut names = names.to_vec();
        names.sort_unstable();
        let entry = |name: &&str| Entry {
            name: (*name).into(),
            bytes: None,
            location: Location::Local((*name).into()),
        };
        let listing =
            Listing { entries: names.iter().map(entry).collect(), front_matter: FrontMatter::default() };
        let names = |split: SplitFiles| {
            (split.name, split.files.into_iter().map(|file| file.entry.name).collect::<Vec<_>>())
        };
        splits("d", &listing, None).map(|found| found.into_iter().map(names).collect())
    }

    fn shown(names: &[&str]) -> String {
        let splits = layout(names).unwrap();
        splits.iter().map(|(name, files)| format!("{name}={}", files.join(","))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keywords_must_stand_alone() {
        assert_eq!(shown(&["trains.jsonl", "x.jsonl"]), "train=trains.jsonl,x.jsonl");
        assert_eq!(shown(&["train.jsonl", "contest.jsonl"]), "train=train.jsonl");
        assert_eq!(shown(&["my-dev.csv", "my-eval.csv"]), "validation=my-dev.csv test=my-eval.csv");
    }

    #[test]
    fn directories_come_before_file_names() {
        assert_eq!(shown(&["train/test.csv", "valid/a.csv"]), "train=train/test.csv validation=valid/a.csv");
    }

    #[test]
    fn shards_may_have_any_split_name() {
        let names =
            ["data/odd-00001-of-00002.csv", "data/odd-00000-of-00002.csv", "data/test-00000-of-00001.csv"];
        assert_eq!(
            shown(&names),
            "test=data/test-00000-of-00001.csv odd=data/odd-00000-of-00002.csv,data/odd-00001-of-00002.csv"
        );
        assert!(layout(&["data/a-b-00000-of-00001.csv"]).unwrap_err().to_string().contains("a-b"));
    }

    #[test]
    fn the_most_common_format_wins() {
        assert_eq!(shown(&["a.csv", "b.txt", "c.tsv", "d.csv"]), "train=a.csv,c.tsv,d.csv");
        assert_eq!(shown(&["a.csv", "b.parquet", "c.jsonl"]), "train=b.parquet");
        assert_eq!(shown(&["a.jsonl.gz", "b.json"]), "train=a.jsonl.gz,b.json");
    }

    #[test]
    fn hidden_files_and_cards_are_not_data() {
        let names =
            ["a.jsonl", ".b.jsonl", ".cache/c.jsonl", "__x__/d.jsonl", "config.json", "README.md", "LICENSE"];
        assert_eq!(shown(&names), "train=a.jsonl");
    }

    #[test]
    fn an_empty_directory_says_what_it_holds() {
        let text = layout(&["LICENSE", "a.png"]).unwrap_err().to_string();
        assert!(text.contains("`LICENSE`, `a.png`") && text.contains("jsonl"), "{text}");
    }
}
