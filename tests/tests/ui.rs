//! What the compiler says about each misuse, word for word, and that each right use compiles.
//!
//! One mistake a file, sorted by attribute. After a change of a message, `TRYBUILD=overwrite` writes the new
//! ones; read each before it is committed. The right uses are compiled with this test and not by trybuild, which would
//! then build the library a second time. What they do stands in `components`, `hygiene` and `programs`.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "uses, as a user writes them")]

use std::{collections::BTreeSet, fs, path::Path};

#[path = "../ui/judge/pass/forms.rs"]
mod judge_forms;
#[path = "../ui/main/pass/with_a_component.rs"]
mod main_with_a_component;
#[path = "../ui/tool/pass/forms.rs"]
mod tool_forms;
#[path = "../ui/workflow/pass/parameters.rs"]
mod workflow_parameters;
#[path = "../ui/workflow/pass/returns.rs"]
mod workflow_returns;

#[test]
fn every_misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("ui/*/fail/*.rs");
}

#[test]
fn every_right_use_is_compiled_here() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let mut found = BTreeSet::new();
    for kind in fs::read_dir(ui).unwrap().flatten() {
        for file in fs::read_dir(kind.path().join("pass")).unwrap().flatten() {
            let (kind, file) = (kind.file_name(), file.path());
            found.insert(format!(
                "{}_{}",
                kind.to_string_lossy(),
                file.file_stem().unwrap().to_string_lossy()
            ));
        }
    }
    let here = include_str!("ui.rs").lines();
    let compiled = here.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).map(str::to_owned);
    assert_eq!(found, compiled.collect());
}
