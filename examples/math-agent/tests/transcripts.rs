//! The transcripts of the documentation, run against the real program.

#[test]
fn the_documentation_shows_what_the_program_prints() {
    test_support::transcripts("../../docs/cli.md", "math-agent", env!("CARGO_BIN_EXE_math-agent"));
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    test_support::transcripts("README.md", "math-agent", env!("CARGO_BIN_EXE_math-agent"));
}
