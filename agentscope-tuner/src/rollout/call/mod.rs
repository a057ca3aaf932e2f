//! The way of a model call inside a rollout: limits → cache → budget → endpoint → store.

mod cache;
mod ledger;
mod live;
mod metered;
mod payment;
mod prepared;
mod recent;
mod scope;

pub(crate) use ledger::Ledger;
pub(super) use metered::Metered;
pub use recent::Answered;
pub(super) use scope::Scope;
