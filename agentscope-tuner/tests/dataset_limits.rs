//! Any bytes under any name are read or refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use agentscope_tuner::{ErrorKind, dataset::Dataset};
use proptest::prelude::*;

const NAMES: [&str; 8] =
    ["x.jsonl", "x.json", "x.csv", "x.tsv", "x.txt", "x.parquet", "x.arrow", "README.md"];

/// Starts of files that lead readers further in.
const STARTS: [&[u8]; 8] = [
    b"",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    b"\x28\xb5\x2f\xfd",
    b"PAR1",
    b"ARROW1\0\0",
    b"\xff\xff\xff\xff\x10\0\0\0",
    b"---\nconfigs:\n",
    b"\xef\xbb\xbf",
];

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dataset/cases").join(name)).unwrap()
}

/// Reads all there is, and says how many rows came before an error of the dataset.
fn read(directory: &Path, name: &str, bytes: &[u8]) -> Result<usize, usize> {
    fs::write(directory.join(name), bytes).unwrap();
    let path = if name == "README.md" { directory.into() } else { directory.join(name) };
    let mut good = 0;
    let rows = Dataset::open(path).and_then(|dataset| {
        let _ = dataset.splits();
        dataset.rows()
    });
    let failed = match rows {
        Ok(rows) => rows.map(|row| row.map(|_| good += 1)).find_map(Result::err),
        Err(error) => Some(error),
    };
    match failed {
        None => Ok(good),
        Some(error) => {
            assert_eq!(error.kind(), ErrorKind::Dataset, "{}", error.chain());
            Err(good)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_under_any_name(
        name in prop::sample::select(&NAMES[..]),
        start in prop::sample::select(&STARTS[..]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let _ = read(directory.path(), name, &[start, &rest].concat());
    }

    #[test]
    fn damaged_binary_files(
        (case, name) in prop::sample::select(vec![
            ("parquet-types/train.parquet", "x.parquet"),
            ("parquet-codecs/train-snappy.parquet", "x.parquet"),
            ("arrow/train.arrow", "x.arrow"),
            ("arrow/test.arrow", "x.arrow"),
            ("compressed/train-0.jsonl.gz", "x.jsonl"),
            ("compressed/train-1.jsonl.zst", "x.jsonl"),
        ]),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut: bool,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = fixture(case);
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        let _ = read(directory.path(), name, &bytes);
    }
}

#[test]
fn a_cut_compressed_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    for (case, name) in [
        ("compressed/train-0.jsonl.gz", "x.jsonl.gz"),
        ("compressed/train-1.jsonl.zst", "x.jsonl.zst"),
        ("compressed-csv/train.csv.gz", "x.csv.gz"),
        ("compressed-text/test.txt.zst", "x.txt.zst"),
    ] {
        let bytes = fixture(case);
        assert!(read(directory.path(), name, &bytes).is_ok(), "{case}");
        assert!(read(directory.path(), name, &bytes[..bytes.len() - 3]).is_err(), "{case}");
    }
}

#[test]
fn other_compressions_say_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("x.jsonl.bz2"), b"BZh91AY").unwrap();
    let error = Dataset::open(directory.path()).unwrap().rows().unwrap().next().unwrap().unwrap_err();
    assert!(error.chain().contains("bzip2; decompress it"), "{}", error.chain());
}
