//! The user's code under guard: it may panic, and it may take too long.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};

use tokio::time::Instant;

use super::call::Scope;
use crate::{
    error::{Error, ErrorKind, Result},
    text::panic_message,
};

/// Runs what `start` makes; a panic in either becomes an error that carries its message.
pub(super) async fn guarded<T>(start: impl FnOnce() -> BoxFuture<'static, Result<T>>) -> Result<T> {
    // Nothing that the panicking code touched is looked at again, so it may be left half done.
    let future = catch_unwind(AssertUnwindSafe(start)).map_err(panicked)?;
    AssertUnwindSafe(future).catch_unwind().await.map_err(panicked)?
}

fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let message = panic_message(&*payload).unwrap_or("without a message");
    Error::new(ErrorKind::Workflow, format!("panicked: {message}"))
}

/// Waits for `future` while the calls of `scope` have worked no longer than `limit`.
///
/// # Errors
/// The limit, once it is reached; `future` is to be dropped then.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    scope: &Scope,
    mut future: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Duration> {
    let Some(limit) = limit else { return Ok(future.await) };
    let started = Instant::now();
    loop {
        let waited = scope.waited();
        let left = (limit + waited).saturating_sub(started.elapsed());
        match tokio::time::timeout(left, future.as_mut()).await {
            Ok(done) => return Ok(done),
            // It waited some more in the meantime, or still does: that gives it more time.
            Err(_) if scope.waited() > waited => {}
            Err(_) => return Err(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::{
        model::{
            Model,
            endpoint::{AttemptLog, Concurrency, Endpoint, Retry},
            scripted::{Rule, Scripted},
        },
        rollout::budget::Allowance,
    };

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        let later = guarded::<()>(|| Box::pin(async { panic!("no {}", "luck") })).await.unwrap_err();
        assert_eq!(later.to_string(), "panicked: no luck");
        let at_once = guarded::<()>(|| panic!("early")).await.unwrap_err();
        assert_eq!(at_once.to_string(), "panicked: early");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_does_not_count_as_working() {
        let scope = Scope::new(0, 0, Allowance::default());
        let limit = Some(Duration::from_secs(20));
        let work = || tokio::time::sleep(Duration::from_secs(60));
        assert!(within(limit, &scope, pin!(work())).await.is_err());

        // The second of two calls at an endpoint that takes one at a time waits for the first.
        let slow = Scripted::rules("slow", [Rule { latency_ms: 15_000, ..Rule::otherwise("done") }]).unwrap();
        let model = Model::new(Endpoint::new(slow, Concurrency::Fixed(1), Retry::default()));
        let first = tokio::spawn({
            let model = model.clone();
            async move { model.ask("first").await }
        });
        tokio::task::yield_now().await;
        let log = AttemptLog::new(scope.waits().clone());
        within(limit, &scope, pin!(log.watch(model.ask("second")))).await.unwrap().unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(scope.waited(), Duration::from_secs(15));
    }
}
