//! Losses against a plain twin, finite differences, and TRL.

mod harness;
mod plain;
mod properties;
mod supervised;
mod trl;
