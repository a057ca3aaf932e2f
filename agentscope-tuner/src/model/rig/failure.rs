//! A failure of rig as an error of this crate.

use reqwest::{StatusCode, header::HeaderMap};
use rig_core::{ErrorKind as RigKind, ProviderError};

use crate::{
    error::{Error, ModelFailure},
    model::http::Site,
};

/// `error` with the kind that says who has to act, and whether it may go better later.
pub(super) fn error(site: &Site, error: &ProviderError) -> Error {
    if let Some(said) = error.provider_response() {
        let (headers, body) = (said.headers.clone().unwrap_or_default(), said.body.as_bytes());
        return match (said.status, error) {
            (Some(status), _) if !status.is_success() => site.status(status, &headers, body),
            (_, ProviderError::InvalidAuthentication(_)) => {
                site.status(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body)
            }
            _ => site.error_object(body),
        }
        .with_source(error.clone());
    }
    let (failure, what) = match error.kind() {
        RigKind::Timeout => (ModelFailure::Timeout, "no answer in time"),
        RigKind::Http if error.is_retryable() => (ModelFailure::Connect, "no connection, or it broke"),
        RigKind::Json | RigKind::Response => {
            (ModelFailure::Protocol, "the answer is not what the protocol says")
        }
        RigKind::Provider if error.is_retryable() => (ModelFailure::Server, "the provider failed"),
        RigKind::Provider => (ModelFailure::Protocol, "the provider failed without a status"),
        RigKind::Http => (ModelFailure::Connect, "the request did not come through"),
        _ => (ModelFailure::Request, "the request cannot be sent"),
    };
    site.error(failure, what).with_source(error.clone())
}
