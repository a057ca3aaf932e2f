//! The way of a model call inside a rollout: limits → cache → budget → endpoint → store.

mod books;
mod cache;
mod ledger;
mod live;
mod metered;
mod payment;
mod prepared;
mod recent;
mod scope;

pub(crate) use books::{Away, Books};
pub(crate) use ledger::{Answer, Ledger};
pub(super) use metered::Metered;
pub(crate) use prepared::Prepared;
pub use recent::Answered;
pub(crate) use scope::Scope;
