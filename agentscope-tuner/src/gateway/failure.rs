//! Failures, as OpenAI's clients understand them.

use axum::{
    Json,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::error::{Error, ErrorKind, ModelFailure};

/// A status and an error object.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
}

impl Failure {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "the bearer token is missing or wrong; set it as the client's API key";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", Some("invalid_api_key"), message)
    }

    pub(super) fn no_model(name: &str, known: &str) -> Self {
        let message = format!("there is no model `{name}` here; known: {known}");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("model_not_found"), message)
    }

    fn new(
        status: StatusCode,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self { status, kind, code, message: message.into() }
    }

    /// The object that stands under `error`.
    pub(super) fn object(&self) -> serde_json::Value {
        json!({ "error": { "message": self.message, "type": self.kind, "param": null, "code": self.code } })
    }
}

/// Nothing is at this address.
pub(super) async fn no_route(uri: Uri) -> Failure {
    let message = format!("nothing is at {}; chat completions are at /v1/chat/completions", uri.path());
    Failure::new(StatusCode::NOT_FOUND, "invalid_request_error", None, message)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (status, kind) = match error.kind() {
            ErrorKind::Model(ModelFailure::Request | ModelFailure::Refused) | ErrorKind::Usage => {
                (StatusCode::BAD_REQUEST, "invalid_request_error")
            }
            ErrorKind::Model(ModelFailure::RateLimited) | ErrorKind::Budget(_) | ErrorKind::Limit(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error")
            }
            ErrorKind::Model(_) => (StatusCode::BAD_GATEWAY, "server_error"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        Self::new(status, kind, None, error.chain())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.object())).into_response()
    }
}
