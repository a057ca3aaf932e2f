//! Where calls of rollouts are answered, paid and kept: in this process, or at home, where the run is.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

use super::{
    Scope,
    ledger::{Answer, Ledger, Pieces},
    prepared::Prepared,
};
use crate::{
    error::Result,
    model::ChatResponse,
    rollout::{models::PricedModel, store::Key},
};

/// Who answers the calls of rollouts.
pub(crate) trait Books: fmt::Debug + Send + Sync {
    /// Whether a limit of the run needs an upper bound of what each call can use.
    fn are_bounded(&self) -> bool;

    /// The answer to `prepared`, which `model` is asked in a rollout of `scope`. What is paid now tells `pieces` of each piece.
    fn answer<'a, 'r: 'a>(
        &'a self,
        key: Key,
        prepared: &'a mut Prepared<'r>,
        model: &'a Arc<PricedModel>,
        scope: &'a Scope,
        pieces: Option<&'a Pieces>,
    ) -> BoxFuture<'a, Result<Answer>>;

    /// What was answered under this key, if anything was.
    fn answered(&self, key: Key) -> BoxFuture<'_, Result<Option<ChatResponse>>>;
}

impl Books for Ledger {
    fn are_bounded(&self) -> bool {
        self.budget().allowance().needs_bounds()
    }

    fn answer<'a, 'r: 'a>(
        &'a self,
        key: Key,
        prepared: &'a mut Prepared<'r>,
        model: &'a Arc<PricedModel>,
        scope: &'a Scope,
        pieces: Option<&'a Pieces>,
    ) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(self.find_or_pay(key, prepared, model, &scope.waits, pieces))
    }

    fn answered(&self, key: Key) -> BoxFuture<'_, Result<Option<ChatResponse>>> {
        Box::pin(async move {
            // It may have been put a moment ago and not be committed yet.
            self.store().flush().await?;
            Ok(self.store().call(&key)?.map(|call| call.response))
        })
    }
}
