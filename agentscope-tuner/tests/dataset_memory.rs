//! Memory does not grow with the file. Alone in its program, since the peak is that of the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, io::Write};

use agentscope_tuner::dataset::Dataset;
use serde_json::json;

/// Peak resident memory of this process in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn memory_does_not_grow_with_the_file() {
    const ROWS: u64 = 60_000;
    let directory = tempfile::tempdir().unwrap();
    // About 60 MB a format, which zstd makes small on disk: what matters is what passes through the reader.
    let filler = "x".repeat(1000);
    for name in ["x.jsonl", "x.json", "x.csv"] {
        let path = directory.path().join(name);
        let mut file = zstd::Encoder::new(fs::File::create(&path).unwrap(), 1).unwrap();
        if name.ends_with("csv") {
            writeln!(file, "n,t").unwrap();
        }
        for n in 0..ROWS {
            match name {
                "x.csv" => writeln!(file, "{n},{filler}").unwrap(),
                _ => writeln!(file, "{}", json!({ "n": n, "t": filler })).unwrap(),
            }
        }
        file.finish().unwrap();
        let dataset = Dataset::open(&path).unwrap();
        let before = peak();
        let last = dataset.rows().unwrap().map(Result::unwrap).last().unwrap();
        assert_eq!((last.index, &last.value["n"]), (ROWS - 1, &json!(ROWS - 1)));
        assert_eq!(dataset.shuffle(1).limit(3).rows().unwrap().count(), 3);
        let grown = peak() - before;
        assert!(grown < 24 << 10, "{name}: {grown} KiB more");
        fs::remove_file(path).unwrap();
    }
}
