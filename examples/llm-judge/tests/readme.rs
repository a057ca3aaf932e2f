//! The transcripts of the README, run against the real program.

#[test]
fn the_readme_shows_what_the_program_prints() {
    let runs = tempfile::tempdir().expect("a directory for the runs");
    trycmd::TestCases::new()
        .register_bin("llm-judge", std::path::Path::new(env!("CARGO_BIN_EXE_llm-judge")))
        .env("TUNER_RUN__DIRECTORY", runs.path().to_string_lossy())
        .env("NO_COLOR", "1")
        .case("README.md")
        .run();
}
