//! What the tests of example programs share.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod endpoint;
mod kills;
mod listening;
mod problem;
mod run;
mod transcript;
mod vllm;

pub use endpoint::Endpoint;
pub use kills::{Killed, Kills};
pub use listening::Listening;
pub use problem::solved;
pub use run::{outcome, the_run};
pub use transcript::transcripts;
pub use vllm::{Flaw, Vllm};
