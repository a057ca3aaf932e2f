//! The user's code under guard: it may panic, and it may take too long.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::BoxFuture};

use super::call::Scope;
use crate::error::{Error, ErrorKind, Result};

/// Runs what `start` makes; a panic in either becomes an error that carries its message.
pub(super) async fn guarded<T>(start: impl FnOnce() -> BoxFuture<'static, Result<T>>) -> Result<T> {
    // Nothing that the panicking code touched is looked at again, so it may be left half done.
    let future = catch_unwind(AssertUnwindSafe(start)).map_err(panicked)?;
    AssertUnwindSafe(future).catch_unwind().await.map_err(panicked)?
}

fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("without a message");
    Error::new(ErrorKind::Workflow, format!("panicked: {message}"))
}

/// Waits for `future` while the calls of `scope` have worked no longer than `limit`.
///
/// # Errors
/// The limit, once it is reached; `future` is dropped then.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    scope: &Scope,
    future: impl Future<Output = T>,
) -> Result<T, Duration> {
    let Some(limit) = limit else { return Ok(future.await) };
    let started = Instant::now();
    let mut future = std::pin::pin!(future);
    loop {
        let waited = scope.watch().waited();
        let left = (limit + waited).saturating_sub(started.elapsed());
        match tokio::time::timeout(left, future.as_mut()).await {
            Ok(done) => return Ok(done),
            // It may have waited some more in the meantime, which gives it more time.
            Err(_) if scope.watch().waited() > waited => {}
            Err(_) => return Err(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::budget::{Allowance, Budget, Owner};
    use crate::workflow::Spent;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        let later = guarded::<()>(|| Box::pin(async { panic!("no {}", "luck") })).await.unwrap_err();
        assert_eq!(later.to_string(), "panicked: no luck");
        let at_once = guarded::<()>(|| panic!("early")).await.unwrap_err();
        assert_eq!(at_once.to_string(), "panicked: early");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_does_not_count_as_working() {
        let scope = Scope::new(0, 0, Budget::new(Owner::Rollout, Allowance::default(), Spent::default()));
        let limit = Some(Duration::from_millis(20));
        let slow = || tokio::time::sleep(Duration::from_secs(60));
        assert!(within(limit, &scope, slow()).await.is_err());
        scope.watch().add_waited(Duration::from_secs(3600));
        assert!(within(limit, &scope, slow()).await.is_ok());
    }
}
