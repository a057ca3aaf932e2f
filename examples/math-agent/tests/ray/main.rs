//! `--engine ray`: rollouts on a cluster come to the result that they come to on one machine, whatever dies, and no call is
//! paid twice.
//!
//! The tests of [`stand_in`] and [`faults`] run a Python module in the place of Ray, so they need `python3` alone. Those of
//! [`cluster`] start a real cluster of several raylets with the Python that `RAY_PYTHON` names, which must have Ray
//! (`python3 -m venv V && V/bin/pip install ray`).

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says so when it is skipped"
)]

mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod place;
mod scene;
mod stand_in;
mod strategies;
