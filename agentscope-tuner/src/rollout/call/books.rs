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
#[derive(Clone, Debug)]
pub(crate) enum Books {
    /// The books of the run, kept by this process. No trait object: a call would need a large allocation more.
    Here(Arc<Ledger>),
    /// The run is elsewhere.
    Home(Arc<dyn Away>),
}

/// Books that another process keeps.
pub(crate) trait Away: fmt::Debug + Send + Sync {
    /// As [`Books::are_bounded`].
    fn are_bounded(&self) -> bool;

    /// As [`Books::answer`], always in one piece.
    fn answer<'a, 'r: 'a>(
        &'a self,
        key: Key,
        prepared: &'a Prepared<'r>,
        model: &'a Arc<PricedModel>,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Answer>>;

    /// As [`Books::answered`].
    fn answered(&self, key: Key) -> BoxFuture<'_, Result<Option<ChatResponse>>>;
}

impl Books {
    /// Whether a limit of the run needs an upper bound of what each call can use.
    pub(super) fn are_bounded(&self) -> bool {
        match self {
            Self::Here(ledger) => ledger.budget().allowance().needs_bounds(),
            Self::Home(away) => away.are_bounded(),
        }
    }

    /// The answer to `prepared`, which `model` is asked in a rollout of `scope`. What is paid now tells `pieces` of
    /// each piece.
    pub(super) async fn answer(
        &self,
        key: &Key,
        prepared: &Prepared<'_>,
        model: &Arc<PricedModel>,
        scope: &Scope,
        pieces: Option<&Pieces>,
    ) -> Result<Answer> {
        match self {
            Self::Here(ledger) => ledger.find_or_pay(key, prepared, model, &scope.waits, pieces).await,
            Self::Home(away) => away.answer(*key, prepared, model, scope).await,
        }
    }

    /// What was answered under this key, if anything was.
    pub(crate) async fn answered(&self, key: Key) -> Result<Option<ChatResponse>> {
        match self {
            Self::Here(ledger) => ledger.answered(key).await,
            Self::Home(away) => away.answered(key).await,
        }
    }
}
