//! Documents whose transcripts are run.

use std::path::Path;

use trycmd::TestCases;

/// Runs the transcripts of `document`, a path from the package, against the program at `path`, known in them as `name`. Its
/// runs go into a directory that is removed afterwards.
pub fn transcripts(document: &str, name: &str, path: &str) {
    let runs = tempfile::tempdir().unwrap();
    TestCases::new()
        .register_bin(name, Path::new(path))
        .env("TUNER_RUN__DIRECTORY", runs.path().to_string_lossy())
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0")
        .case(document)
        .run();
}
