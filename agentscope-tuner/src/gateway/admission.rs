//! What a key opens: which models, and for how long.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::model::Model;

/// Who knows the keys.
pub(super) trait Keys: Send + Sync + 'static {
    /// What `key` opens; `None` when it is not valid, or not any more.
    fn admit(&self, key: &str) -> Option<Admission>;

    /// Whether only those may ask who know this machine by a name of its own, since no key keeps others out.
    fn local_only(&self) -> bool;
}

/// What a request may ask for.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    models: Models,
    /// Cancelled when answers are no longer wanted.
    pub(super) over: CancellationToken,
}

#[derive(Clone, Debug)]
enum Models {
    /// Clients choose by name.
    Named(Arc<BTreeMap<String, Model>>),
    /// The key has chosen; the name is that at the provider.
    Only(Model),
}

impl Admission {
    /// To any of `models`, for ever.
    pub(super) fn to_named(models: Arc<BTreeMap<String, Model>>) -> Self {
        Self { models: Models::Named(models), over: CancellationToken::new() }
    }

    /// To `model` alone, until `over`.
    pub(super) fn to_one(model: Model, over: CancellationToken) -> Self {
        Self { models: Models::Only(model), over }
    }

    /// The model that a client means by `name`, and its name here.
    pub(super) fn model(&self, name: &str) -> Result<(Model, String), Failure> {
        match &self.models {
            Models::Only(model) => Ok((model.clone(), model.id().name.clone())),
            Models::Named(models) => match models.get(name) {
                Some(model) => Ok((model.clone(), name.to_owned())),
                None => Err(Failure::no_model(name, &self.names().join(", "))),
            },
        }
    }

    /// The names of all models.
    pub(super) fn names(&self) -> Vec<&str> {
        match &self.models {
            Models::Named(models) => models.keys().map(String::as_str).collect(),
            Models::Only(model) => vec![&model.id().name],
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Admission {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // The guard put it there.
        parts.extensions.get().cloned().ok_or_else(Failure::unauthorized)
    }
}
