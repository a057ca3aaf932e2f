//! Tunes LLM agents.

pub mod dataset;
pub mod error;
pub mod message;
pub mod model;

pub use error::{Error, ErrorKind, Result};
