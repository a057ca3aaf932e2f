//! Who may ask, and until when.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap,
        header::{AUTHORIZATION, HOST},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Keys, failure::Failure};

/// Lets a request through whose key opens something. It is dropped when that closes.
pub(super) async fn check(State(keys): State<Arc<dyn Keys>>, mut request: Request, next: Next) -> Response {
    if keys.local_only() && !names_this_machine(request.headers()) {
        return Failure::foreign_host().into_response();
    }
    let Some(admission) = keys.admit(given_key(request.headers())) else {
        return Failure::unauthorized().into_response();
    };
    let over = admission.over.clone();
    request.extensions_mut().insert(admission);
    tokio::select! {
        response = next.run(request) => response,
        () = over.cancelled() => Failure::unauthorized().into_response(),
    }
}

/// As OpenAI's clients send it, or as Anthropic's do.
fn given_key(headers: &HeaderMap) -> &str {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| text("x-api-key")).unwrap_or_default().trim()
}

/// A foreign page whose name was pointed at this machine gives itself away by that name.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}
