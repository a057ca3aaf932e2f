//! The settings that documents show are read as `tuner.toml` is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use agentscope_tuner::config::Config;

/// The fenced blocks of this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let after = document.split(&opening).skip(1);
    after.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Each block is a whole file, or a part of one that can stand alone.
fn all_are_settings(document: &str, expected: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    let blocks = blocks(&fs::read_to_string(path).unwrap(), "toml");
    assert_eq!(blocks.len(), expected);
    for block in blocks {
        let config = Config::parse(&block, document, "".into(), None, &[]);
        assert!(config.is_ok(), "{}\n{block}", config.unwrap_err());
    }
}

#[test]
fn settings_for_users_of_agentscope_are_settings() {
    all_are_settings("from-agentscope.md", 5);
}

#[test]
fn settings_of_the_cookbook_are_settings() {
    all_are_settings("cookbook.md", 3);
}
