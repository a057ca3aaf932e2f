//! Tunes LLM agents.

// So that generated code works in this crate's own tests too.
#[allow(unused_extern_crates, reason = "only tests and doctests use it")]
extern crate self as agentscope_tuner;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod agent;
pub mod candidate;
mod cli;
pub mod component;
pub mod config;
pub mod dataset;
pub mod error;
pub mod judge;
mod main_macro;
pub mod message;
pub mod model;
pub mod prelude;
pub mod registry;
pub mod report;
pub mod rollout;
pub mod seed;
pub mod strategy;
mod text;
pub mod tuner;
pub mod workflow;

pub use agentscope_tuner_macros::{judge, tool, workflow};
pub use error::{Error, ErrorKind, Result};
