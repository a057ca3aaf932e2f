//! Compares with what `datasets.load_dataset` made of the same files (`data/dataset/make_fixtures.py`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use agentscope_tuner::dataset::Dataset;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Expected {
    subset: Option<String>,
    split: Option<String>,
    rows: Option<Vec<Value>>,
    error: Option<String>,
}

/// Where this crate reads on purpose what `datasets` refuses.
const READ_HERE: [(&str, Option<&str>); 2] = [
    // White space about the plus.
    ("slices", Some("train[:1] + test[-1:]")),
    // Parquet within gzip or zstd.
    ("compressed-parquet", None),
];

/// Null and absent are the same to `datasets`, which gives every row every column.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Equal, where a float that is whole equals the integer, and floats may differ in the last digits: pandas does
/// not read them exactly.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-14 * b.abs()
        }
        (Value::String(a), Value::String(b)) if a != b => {
            // One instant may be written in two ways.
            let instant = |text: &str| text.parse::<jiff::Timestamp>().ok();
            instant(a).is_some() && instant(a) == instant(b)
        }
        _ => ours == theirs,
    }
}

fn read(case: &Path, expected: &Expected) -> agentscope_tuner::Result<Vec<Value>> {
    let mut dataset = Dataset::open(case)?;
    if let Some(subset) = &expected.subset {
        dataset = dataset.subset(subset);
    }
    if let Some(split) = &expected.split {
        dataset = dataset.split(split);
    }
    dataset.rows()?.map(|row| row.map(|row| without_nulls(&row.value))).collect()
}

fn check(case: &Path, name: &str, expected: &Expected) -> Result<(), String> {
    let place = format!("{name} {:?} {:?}", expected.subset, expected.split);
    let ours = read(case, expected);
    match (&expected.rows, &expected.error) {
        (Some(theirs), None) => {
            let ours = ours.map_err(|error| format!("{place}: {}", error.chain()))?;
            if ours.len() != theirs.len() {
                return Err(format!("{place}: {} rows instead of {}", ours.len(), theirs.len()));
            }
            let theirs = theirs.iter().map(without_nulls);
            match ours.iter().zip(theirs).find(|(ours, theirs)| !same(ours, theirs)) {
                Some((ours, theirs)) => Err(format!("{place}:\n  {ours}\n  instead of\n  {theirs}")),
                None => Ok(()),
            }
        }
        (None, Some(error)) => match ours {
            Ok(_) if READ_HERE.contains(&(name, expected.split.as_deref())) => Ok(()),
            Ok(rows) => Err(format!("{place}: {} rows instead of {error}", rows.len())),
            Err(_) => Ok(()),
        },
        _ => Err(format!("{place}: neither rows nor an error are expected")),
    }
}

#[test]
fn rows_are_those_of_datasets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dataset");
    let mut faults = Vec::new();
    let mut checked = 0;
    for file in fs::read_dir(root.join("expected")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let expected: Vec<Expected> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        for entry in &expected {
            checked += 1;
            faults.extend(check(&root.join("cases").join(name), name, entry).err());
        }
    }
    assert!(checked >= 80, "only {checked} comparisons");
    assert!(faults.is_empty(), "{} of {checked}:\n{}", faults.len(), faults.join("\n"));
}
