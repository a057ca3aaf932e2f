//! Bodies of requests: bounded in size and in time.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};

use super::failure::Failure;

/// Largest body of a request, in bytes.
pub(super) const MOST_BYTES: usize = 32 << 20;
/// A body that takes longer is not waited for.
const MOST_TIME: Duration = Duration::from_secs(30);

/// A body that has arrived.
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match tokio::time::timeout(MOST_TIME, Bytes::from_request(request, state)).await {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(rejection)) => Err(Failure::unreadable(rejection.status(), rejection.body_text())),
            Err(_) => Err(Failure::slow(MOST_TIME)),
        }
    }
}
