use std::fs;

use serde_json::json;

use super::*;

fn numbered(count: usize) -> Dataset {
    Dataset::from_rows((0..count).map(|n| json!({ "n": n })))
}

fn ids(dataset: &Dataset) -> Vec<String> {
    dataset.rows().unwrap().map(|row| row.unwrap().id).collect()
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn ids_are_positions_in_the_split() {
    assert_eq!(ids(&numbered(5).split("train[-2:]")), ["train/3", "train/4"]);
    assert_eq!(ids(&numbered(5).split("train[40%:60%]+train[:1]")), ["train/2", "train/0"]);
    assert_eq!(ids(&numbered(5).limit(1)), ["train/0"]);
}

#[test]
fn a_split_goes_on_over_its_files() {
    let root = directory(&[("train-1.jsonl", "{\"a\":1}\n"), ("train-2.jsonl", "{\"a\":2}\n{\"a\":3}\n")]);
    let rows: Vec<_> = Dataset::open(root.path()).unwrap().rows().unwrap().map(Result::unwrap).collect();
    assert_eq!(rows[2].id, "train/2");
    assert_eq!(rows[2].origin.place, Place::Line(2));
    assert!(rows[2].origin.to_string().ends_with("train-2.jsonl:2"));
    assert_eq!(ids(&Dataset::open(root.path()).unwrap().split("train[1:2]")), ["train/1"]);
}

#[test]
fn shuffling_is_a_permutation_that_depends_on_the_seed_alone() {
    let all = ids(&numbered(200));
    let shuffled = ids(&numbered(200).shuffle(7));
    assert_ne!(shuffled, all);
    assert_eq!(shuffled, ids(&numbered(200).shuffle(7)));
    assert_ne!(shuffled, ids(&numbered(200).shuffle(8)));
    assert_eq!(ids(&numbered(200).shuffle(7).limit(9)), shuffled[..9]);
    let fewer: Vec<_> = shuffled.iter().filter(|id| id.as_str() != "train/199").cloned().collect();
    assert_eq!(ids(&numbered(199).shuffle(7)), fewer);
    let mut sorted = shuffled;
    sorted.sort_by_key(|id| all.iter().position(|other| other == id));
    assert_eq!(sorted, all);
}

/// Every position should come first about equally often: chi-squared of 10 cells over 2,000 seeds, 9 degrees of
/// freedom, 99.9 % quantile 27.88.
#[test]
fn shuffling_is_uniform() {
    let mut first = [0u32; 10];
    for seed in 0..2000 {
        let row = numbered(10).shuffle(seed).limit(1).rows().unwrap().next().unwrap().unwrap();
        first[row.index as usize] += 1;
    }
    let chi: f64 = first.iter().map(|n| (f64::from(*n) - 200.0).powi(2) / 200.0).sum();
    assert!(chi < 27.88, "{chi} {first:?}");
}

#[test]
fn nothing_is_read_before_rows() {
    let root = directory(&[("train.jsonl", "not json\n")]);
    let dataset = Dataset::open(root.path()).unwrap().limit(3);
    assert!(dataset.splits().is_ok());
    let mut rows = dataset.rows().unwrap();
    assert_eq!(rows.next().unwrap().unwrap_err().kind(), ErrorKind::Dataset);
    assert!(rows.next().is_none());
}

#[test]
fn missing_things_name_what_there_is() {
    let root = directory(&[("data/train.jsonl", "{}\n"), ("data/test.jsonl", ""), ("a.png", "")]);
    let path = root.path().join("data");
    let message = |dataset: Result<Dataset>| {
        let error = dataset.and_then(|dataset| dataset.rows()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dataset);
        error.to_string()
    };
    let near = message(Dataset::open(root.path().join("dat/train.jsonl")));
    assert!(near.contains("did you mean") && near.contains("data`"), "{near}");
    let split = message(Dataset::open(&path).map(|dataset| dataset.split("tset")));
    assert!(split.contains("did you mean `test`? there is `train`, `test`"), "{split}");
    let subset = message(Dataset::open(&path).map(|dataset| dataset.subset("main")));
    assert!(subset.contains("lists no `configs`"), "{subset}");
    let empty = message(Dataset::open(&path).map(|dataset| dataset.split("test")));
    assert!(empty.contains("no row in `test` (looked in ") && empty.contains("test.jsonl"), "{empty}");
    let format = message(Dataset::open(root.path().join("a.png")));
    assert!(format.contains("jsonl, json, csv"), "{format}");
    let slice = message(Ok(numbered(3).split("train[3:]")));
    assert!(slice.contains("no row in `train[3:]`"), "{slice}");
    assert_eq!(numbered(3).limit(0).rows().unwrap_err().kind(), ErrorKind::Usage);
    assert!(message(Dataset::open("no-such-owner/no-such-name")).contains("hub"));
}

#[test]
fn without_a_split_train_or_the_only_one_is_read() {
    let root = directory(&[("test.jsonl", "{}\n")]);
    assert_eq!(ids(&Dataset::open(root.path()).unwrap()), ["test/0"]);
    let root = directory(&[("test.jsonl", "{}\n"), ("dev.jsonl", "{}\n")]);
    let error = Dataset::open(root.path()).unwrap().rows().unwrap_err().to_string();
    assert!(error.contains("name one of `validation`, `test`"), "{error}");
    assert_eq!(ids(&Dataset::open(root.path()).unwrap().split("all")), ["validation/0", "test/0"]);
}

#[test]
fn a_preview_names_columns_and_types() {
    let rows = [json!({"a": 1, "b": null}), json!({"a": 2.5, "b": "x", "c": [1]}), json!({"a": 9})];
    let preview = Dataset::from_rows(rows).preview(2).unwrap();
    let column = |name: &str, types: &[JsonType], nullable| Column {
        name: name.into(),
        types: types.into(),
        nullable,
    };
    assert_eq!(
        preview.columns,
        [
            column("a", &[JsonType::Integer, JsonType::Float], false),
            column("b", &[JsonType::String], true),
            column("c", &[JsonType::Array], true),
        ]
    );
    assert_eq!((preview.rows.len(), preview.splits[0].rows), (2, Some(3)));
    assert_eq!(numbered(9).split("train[50%:]").preview(2).unwrap().rows[0].index, 0);
}

#[test]
fn counting_agrees_with_reading() {
    for split in ["train", "train[2:5]", "train[-3:]", "train[:30%]+train[:1]", "train[7:3]", "train[5:100]"]
    {
        let dataset = numbered(9).split(split);
        let read = dataset.rows().map_or(0, Iterator::count);
        assert_eq!(dataset.count().unwrap(), read as u64, "{split}");
    }
}

#[test]
fn the_description_is_one_line() {
    let dataset = numbered(2).split("train[:1]").subset("main").shuffle(3).limit(4);
    assert_eq!(
        dataset.describe(),
        "2 rows in memory, subset main, split train[:1], shuffled with seed 3, at most 4 rows"
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    let root = directory(&[("real/train.jsonl", "{}\n")]);
    let outside = directory(&[("x/test.jsonl", "{}\n")]);
    std::os::unix::fs::symlink(root.path(), root.path().join("real/up")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("x"), root.path().join("linked")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.path().join("dangling.jsonl")).unwrap();
    assert_eq!(ids(&Dataset::open(root.path()).unwrap().split("all")), ["train/0", "test/0"]);
}
