//! The transcripts of the README, run against the real program.

#[test]
fn the_readme_shows_what_the_program_prints() {
    test_support::transcripts("README.md", "component-crate", env!("CARGO_BIN_EXE_component-crate"));
}
