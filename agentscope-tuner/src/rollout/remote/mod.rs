//! Rollouts that run elsewhere, while everything that is counted stays at home.
//!
//! Home is the process that holds the run. It hands out rollouts to *workers*, processes of the same program on other
//! machines, which run the user's workflow and judges. Whenever these ask a model, the worker asks home, where the call goes
//! the way of every call: response cache, budget, limits of the endpoint, price, store. So a rollout whose worker died is
//! handed out again and finds the answers that were paid for it; and no key leaves home.
//!
//! A worker hears [`ToWorker`] and says [`ToHome`], a line of JSON each; what carries the lines is a [`Carrier`]'s affair.

mod carrier;
mod crew;
#[cfg(feature = "embedded")]
mod decode;
#[cfg(feature = "embedded")]
mod delegate;
mod errand;
mod home;
mod link;
#[cfg(feature = "embedded")]
mod policies;
mod ray;
mod roster;
#[cfg(test)]
mod tests;
mod wire;
mod worker;

pub(crate) use carrier::File;
use crew::Crew;
pub(crate) use ray::{RayOptions, connect};
pub(crate) use wire::{Setup, ToWorker, unable};
pub(crate) use worker::{Trade, Worker};
