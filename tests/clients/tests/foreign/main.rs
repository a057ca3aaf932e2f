//! Agents on clients that this project did not write, run and tuned through the gateway.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod async_openai_client;
mod programs;
mod prompt;
mod rig;
mod rig_model;
mod rig_slot;
mod weights;
mod world;
