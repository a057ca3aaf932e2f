//! The transcripts of the documentation, run against the real program.

#[test]
fn the_documentation_shows_what_the_program_prints() {
    let runs = tempfile::tempdir().expect("a directory for the runs");
    trycmd::TestCases::new()
        .register_bin("math-agent", std::path::Path::new(env!("CARGO_BIN_EXE_math-agent")))
        .env("TUNER_RUN__DIRECTORY", runs.path().to_string_lossy())
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0")
        .case("../../docs/cli.md")
        .run();
}
