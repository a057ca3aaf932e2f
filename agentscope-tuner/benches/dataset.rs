//! A generated 5 GB jsonl: how soon it previews, and that reading all of it needs no more memory than reading a little:
//! `cargo bench --bench dataset`.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    time::Instant,
};

use agentscope_tuner::dataset::{Dataset, Row};

const BYTES: u64 = 5_000_000_000;
const PREVIEWS: usize = 101;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("train.jsonl");
    let written = generate(&path);
    println!("{written} rows, {} bytes", path.metadata().expect("its size").len());

    let dataset = Dataset::open(&path).expect("it opens");
    let mut previews: Vec<_> = (0..PREVIEWS)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(dataset.preview(5).expect("it previews").rows.len(), 5);
            began.elapsed()
        })
        .collect();
    previews.sort();
    println!("preview: {:?} (median of {PREVIEWS})", previews[PREVIEWS / 2]);
    let rows = read(dataset.rows().expect("rows").take(1_000));
    println!("{rows} rows read: peak resident memory {}", support::peak_memory());

    let began = Instant::now();
    let rows = read(dataset.rows().expect("rows"));
    assert_eq!(rows, written);
    let seconds = began.elapsed().as_secs_f64();
    println!("{rows} rows read: {seconds:.1} s, peak resident memory {}", support::peak_memory());
}

/// How many rows there are, each of them read.
fn read(rows: impl Iterator<Item = agentscope_tuner::Result<Row>>) -> usize {
    rows.fold(0, |count, row| {
        assert!(row.expect("a row").value.is_object());
        count + 1
    })
}

/// Writes arithmetic problems until the file is large enough; returns how many.
fn generate(path: &Path) -> usize {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file"));
    let (mut rows, mut bytes) = (0, 0);
    while bytes < BYTES {
        let line = format!(
            "{{\"question\": \"Eva has {rows} marbles and gets 91 more. How many marbles does Eva have now? Think \
             about it step by step, write down each step, and end with the number alone.\", \"answer\": \"{}\"}}\n",
            rows + 91
        );
        out.write_all(line.as_bytes()).expect("written");
        bytes += line.len() as u64;
        rows += 1;
    }
    out.flush().expect("written");
    rows
}
