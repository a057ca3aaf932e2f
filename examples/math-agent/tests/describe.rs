//! What the program says of itself; the page of the reference is its own words.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{env, fs, process::Command};

fn describe(what: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_math-agent"));
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["describe", what]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `BLESS=1` writes it again.
#[test]
fn the_reference_is_what_the_program_says() {
    let reviewed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference.md");
    let about = env!("CARGO_PKG_DESCRIPTION");
    let said = describe("reference").replace("math-agent", "PROGRAM").replace(&format!("{about}\n\n"), "");
    if env::var_os("BLESS").is_some() {
        fs::write(reviewed, &said).unwrap();
    }
    assert!(said == fs::read_to_string(reviewed).unwrap(), "docs/reference.md is old: run this with BLESS=1");
    for verb in ["select", "prompt", "weights", "describe"] {
        assert!(said.contains(&format!("### `PROGRAM {verb}`")), "{verb}");
    }
    for key in ["`[models.NAME]`", "`[strategy.weights]`", "`group-size`", "`relative`", "`[budget]`"] {
        assert!(said.contains(key), "{key}");
    }
}

#[test]
fn shells_pages_and_editors_get_what_they_read() {
    assert!(
        describe("bash")
            .lines()
            .any(|line| line.trim().starts_with("complete ") && line.ends_with(" math-agent"))
    );
    assert!(describe("zsh").starts_with("#compdef math-agent"));
    assert!(describe("man").contains(".TH math-agent 1"));
    let schema: serde_json::Value = serde_json::from_str(&describe("schema")).unwrap();
    assert_eq!(schema["properties"]["seed"]["type"], "integer");
}
