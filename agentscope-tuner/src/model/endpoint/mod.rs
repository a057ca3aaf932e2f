//! What stands around every client of an endpoint: the limit on calls at once, retries, counts and a tracing span.
//!
//! Budgets and caches belong above it: they see one call, however often it was tried. [`AttemptLog`] tells them of
//! attempts that may be billed without an answer.

mod attempts;
mod gate;
mod limiter;
mod retry;
mod shared;
mod span;
mod stream;

pub use attempts::{AttemptLog, Waits};
pub(crate) use attempts::{Payer, Wait};
pub use retry::Retry;
pub use shared::{EndpointStatus, statuses};
pub(crate) use span::inside;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use self::{
    attempts::Attempt,
    gate::{Gate, Place},
};
use super::{ChatModel, ChatRequest, ChatResponse, ChatStream, ModelId};
use crate::error::{Error, ErrorKind, Result};

/// Numbers the calls of this process that were tried again, so that their waits differ.
static RETRIED: AtomicU64 = AtomicU64::new(0);

/// How many calls an endpoint gets at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concurrency {
    /// As many as it bears, found out by trying; shared by all models of the same endpoint and key.
    #[default]
    Adaptive,
    /// At most this many of this model, at least 1.
    Fixed(usize),
    /// No limit: for models inside this process.
    Unlimited,
}

/// A client with its limit and its retries.
///
/// Calls wait for their turn, first come, first served, and may be dropped at any time. A call that fails in a
/// [transient](crate::error::ModelFailure::is_transient) way is tried again, its place given to others while it waits.
///
/// ```
/// use agentscope_tuner::model::{Model, endpoint::{Concurrency, Endpoint, Retry}, scripted::Scripted};
/// let client = Scripted::in_order("one", ["yes"]);
/// let model = Model::new(Endpoint::new(client, Concurrency::Fixed(4), Retry::default()));
/// ```
pub struct Endpoint {
    client: Arc<dyn ChatModel>,
    gate: Arc<Gate>,
    retry: Retry,
}

impl Endpoint {
    /// Puts `client` behind a limit and retries.
    pub fn new(client: impl ChatModel, concurrency: Concurrency, retry: Retry) -> Self {
        let gate = shared::gate(client.id(), concurrency);
        Self { client: Arc::new(client), gate, retry }
    }

    /// How the endpoint is doing.
    pub fn status(&self) -> EndpointStatus {
        shared::status(&self.client.id().endpoint, &self.gate)
    }

    /// Calls until an attempt succeeds or is given up. The success comes with its place, still taken.
    async fn attempts<'a, T>(
        &'a self,
        call: impl Fn() -> BoxFuture<'a, Result<T>> + Send,
    ) -> Result<(T, Place, Attempt)> {
        let mut failed = 0;
        let mut tale = None;
        loop {
            let place = self.gate.enter().await?;
            let attempt = Attempt::start();
            let error = match call().await {
                Ok(answer) => return Ok((answer, place, attempt)),
                Err(error) => error,
            };
            place.failed(&error);
            failed += 1;
            let (number, began) =
                *tale.get_or_insert_with(|| (RETRIED.fetch_add(1, Relaxed), Instant::now()));
            let wait = self.retry.wait(failed, &error, number);
            match (may_be_billed(&error), wait) {
                (false, _) => attempt.settle(),
                (true, None) => {}
                (true, Some(_)) => attempt.repeat().await?,
            }
            let Some(wait) = wait else {
                return Err(if failed > 1 { gave_up(failed, began, error) } else { error });
            };
            tracing::debug!(failed, ?wait, %error, "trying again");
            self.gate.retries.fetch_add(1, Relaxed);
            let _wait = Wait::begin();
            tokio::time::sleep(wait).await;
        }
    }

    async fn answer(&self, request: &ChatRequest) -> Result<ChatResponse> {
        let (response, place, attempt) = self.attempts(|| self.client.chat(request)).await?;
        place.answered();
        attempt.settle();
        Ok(response)
    }

    async fn pieces(&self, request: &ChatRequest) -> Result<ChatStream> {
        let (events, place, attempt) = self.attempts(|| self.client.stream(request)).await?;
        Ok(stream::held(events, place, attempt))
    }
}

fn may_be_billed(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Model(failure) if failure.may_be_billed())
}

/// The last error, below how long it was tried.
fn gave_up(failed: u32, began: Instant, error: Error) -> Error {
    let seconds = began.elapsed().as_secs_f64();
    Error::new(error.kind(), format!("gave up after {failed} attempts in {seconds:.1} s"))
        .with_retry_after(error.retry_after())
        .with_source(error)
}

impl ChatModel for Endpoint {
    fn id(&self) -> &ModelId {
        self.client.id()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        let span = span::call(self.id(), request);
        Box::pin(
            async move {
                let answer = self.answer(request).await;
                span::record(&Span::current(), answer.as_ref());
                answer
            }
            .instrument(span),
        )
    }

    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        let span = span::call(self.id(), request);
        Box::pin(
            async move {
                let events = self.pieces(request).await;
                match events {
                    Ok(events) => Ok(stream::traced(events, Span::current())),
                    Err(error) => {
                        span::record(&Span::current(), Err(&error));
                        Err(error)
                    }
                }
            }
            .instrument(span),
        )
    }

    fn takes_seed(&self) -> bool {
        self.client.takes_seed()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("status", &self.status())
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
