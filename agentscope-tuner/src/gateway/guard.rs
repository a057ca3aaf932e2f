//! Who may ask.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::header::AUTHORIZATION,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use secrecy::ExposeSecret as _;

use super::{Shared, failure::Failure};

/// Lets a request through that carries the token, or any where none is demanded.
pub(super) async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let admitted = shared.token.as_ref().is_none_or(|token| same(given.trim(), token.expose_secret()));
    match admitted {
        true => next.run(request).await,
        false => Failure::unauthorized().into_response(),
    }
}

/// Compares without telling by its duration where two keys differ: their hashes are compared.
fn same(given: &str, wanted: &str) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(wanted.as_bytes())
}
