//! Tunes LLM agents.

pub mod dataset;
pub mod error;

pub use error::{Error, ErrorKind, Result};
