//! Failures, as the clients of either protocol understand them.

use std::time::Duration;

use axum::{
    Json,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, Uri},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::anthropic;
use crate::error::{Error, ErrorKind, ModelFailure};

/// A status and what it is about.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(super) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    pub(super) message: String,
}

const INVALID: &str = "invalid_request_error";
/// Both vendors' clients read it before they try again. Whatever may go better later, the run's endpoint has tried again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

impl Failure {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, None, message)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "the key is missing or wrong, or its rollout is over; a client's API key is the one that it was started with";
        Self::new(StatusCode::UNAUTHORIZED, INVALID, Some("invalid_api_key"), message)
    }

    pub(super) fn foreign_host() -> Self {
        let message = "ask for this machine by its own name: 127.0.0.1 or localhost";
        Self::new(StatusCode::FORBIDDEN, INVALID, Some("wrong_host"), message)
    }

    pub(super) fn no_model(name: &str, known: &str) -> Self {
        let message = format!("there is no model `{name}` here; known: {known}");
        Self::new(StatusCode::NOT_FOUND, INVALID, Some("model_not_found"), message)
    }

    pub(super) fn unreadable(status: StatusCode, message: String) -> Self {
        let message = match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                format!("the body is larger than {} MiB: send less", super::body::MOST_BYTES >> 20)
            }
            _ => message,
        };
        Self::new(status, INVALID, None, message)
    }

    pub(super) fn slow(most: Duration) -> Self {
        let message = format!("the body took longer than {most:?} to arrive");
        Self::new(StatusCode::REQUEST_TIMEOUT, INVALID, None, message)
    }

    fn new(
        status: StatusCode,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self { status, kind, code, message: message.into() }
    }

    /// The object that OpenAI's clients read.
    pub(super) fn object(&self) -> Value {
        json!({ "error": { "message": self.message, "type": self.kind, "param": null, "code": self.code } })
    }
}

/// Nothing is at this address.
pub(super) async fn no_route(uri: Uri) -> Failure {
    let message = format!(
        "nothing is at {}; chat completions are at /v1/chat/completions, Anthropic's messages at /v1/messages",
        uri.path()
    );
    Failure::new(StatusCode::NOT_FOUND, INVALID, None, message)
}

/// Tells failures at addresses of Anthropic's protocol in its words.
pub(super) async fn in_protocol(request: Request, next: Next) -> Response {
    let anthropic = request.uri().path().starts_with(anthropic::PATH);
    let response = next.run(request).await;
    match response.extensions().get::<Failure>() {
        Some(failure) if anthropic => failure.answer(anthropic::failure(failure)),
        _ => response,
    }
}

impl Failure {
    fn answer(&self, object: Value) -> Response {
        let mut response = (self.status, Json(object)).into_response();
        response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use ModelFailure::{RateLimited, Refused, Request};
        let (status, kind, code) = match error.kind() {
            ErrorKind::Model(Request | Refused) | ErrorKind::Usage => {
                (StatusCode::BAD_REQUEST, INVALID, None)
            }
            ErrorKind::Model(RateLimited) => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", None),
            // 402, since clients try again after 429.
            ErrorKind::Budget(_) => {
                (StatusCode::PAYMENT_REQUIRED, "insufficient_quota", Some("budget_spent"))
            }
            ErrorKind::Limit(_) => {
                (StatusCode::PAYMENT_REQUIRED, "insufficient_quota", Some("limit_reached"))
            }
            ErrorKind::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "server_error", Some("run_stopped")),
            // The endpoint's refusal of this program's own key is no fault of the client's.
            ErrorKind::Model(_) => (StatusCode::BAD_GATEWAY, "server_error", None),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None),
        };
        Self::new(status, kind, code, error.chain())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.answer(self.object());
        response.extensions_mut().insert(self);
        response
    }
}
