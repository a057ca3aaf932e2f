//! Agents inside a run that reach their models through the gateway.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod command;
mod limits;
