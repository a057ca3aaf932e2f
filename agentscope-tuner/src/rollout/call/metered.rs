//! The model that a workflow receives.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{
    Books, Scope,
    ledger::{Answer, Pieces, spent_on},
    live::live,
    prepared::Prepared,
};
use crate::{
    error::{Error, Result},
    model::{ChatModel, ChatRequest, ChatResponse, ChatStream, ModelId},
    rollout::{
        budget::{Bound, Reservation},
        models::PricedModel,
        record::CallRef,
    },
    seed,
    workflow::Spent,
};

/// A model inside a rollout: every call is limited, cached, paid for and traced.
#[derive(Clone)]
pub(crate) struct Metered {
    pub(crate) slot: Arc<str>,
    pub(crate) model: Arc<PricedModel>,
    /// Of a model in training: another version answers anew.
    pub(crate) version: Option<u64>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) books: Books,
}

impl ChatModel for Metered {
    fn id(&self) -> &ModelId {
        self.model.model.id()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(self.answer(request, None))
    }

    fn stream<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatStream>> {
        Box::pin(live(self.clone(), request.clone()))
    }
}

impl Metered {
    /// Answers `request`. Where it is paid now, and `pieces` are wanted, it is streamed to them.
    pub(super) async fn answer(
        &self,
        request: &ChatRequest,
        pieces: Option<&Pieces>,
    ) -> Result<ChatResponse> {
        let Self { model, scope, books, .. } = self;
        let bounded = books.are_bounded() || scope.needs_bounds();
        let mut prepared = Prepared::new(request, model, self.version, bounded)?;
        let nth = scope.repetition(prepared.base);
        self.fill_seed(&mut prepared, nth)?;
        let key = prepared.key(scope.attempt, nth);
        let bound = if bounded { prepared.bound(model.price.as_ref()) } else { Bound::default() };

        let reservation = scope.reserve(bound).await?;
        let place = scope.begin(CallRef { slot: Arc::clone(&self.slot), key });
        let result = books.answer(&key, &prepared, model, scope, pieces).await;
        scope.end(place, result.as_ref().map(drop));
        self.account(reservation, result)
    }

    fn fill_seed(&self, prepared: &mut Prepared<'_>, nth: u32) -> Result<()> {
        let wanted = prepared.request().sampling.seed.is_none() && self.model.model.client().takes_seed();
        if !wanted {
            return Ok(());
        }
        let drawn = seed::draw(self.scope.seed, "call", [&prepared.base[..], &nth.to_le_bytes()]);
        // Providers take 31 bits at least.
        prepared.seed(drawn >> 33)
    }

    fn account(
        &self,
        reservation: Option<Reservation>,
        result: Result<Answer, Error>,
    ) -> Result<ChatResponse> {
        let Answer { response, cached } = result?;
        let spent = spent_on(&response, self.model.price.as_ref());
        let spent = Spent { cached_calls: u64::from(cached), ..spent };
        if let Some(reservation) = reservation {
            reservation.settle(spent);
        }
        self.scope.meter.add(spent);
        Ok(Arc::unwrap_or_clone(response))
    }
}
