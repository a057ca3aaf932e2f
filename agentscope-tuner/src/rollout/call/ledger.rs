//! What all calls of a run share: the cache, the budget and the store.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    cache::{Cache, Found},
    prepared::Prepared,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{CallWatch, ChatResponse, Price},
    rollout::{
        budget::{Allowance, Bound, Budget, Owner, Reservation},
        models::PricedModel,
        store::{CallRow, Key, Store},
    },
    workflow::Spent,
};

/// The books of a run: no call is paid twice, none beyond the budget, and each is kept.
#[derive(Debug)]
pub(crate) struct Ledger {
    cache: Cache,
    budget: Arc<Budget>,
    store: Store,
    /// Once set, no new call begins; those under way are waited for and kept.
    closing: CancellationToken,
}

/// An answer, and whether it was paid for now.
pub(super) struct Answer {
    pub(super) response: Arc<ChatResponse>,
    pub(super) cached: bool,
}

impl Ledger {
    /// Opens the books over `store`: what it holds is known and already spent.
    pub(crate) fn open(store: Store, allowance: Allowance, closing: CancellationToken) -> Result<Self> {
        let cache = Cache::with_stored(store.call_keys()?);
        let budget = Budget::new(Owner::Run, allowance, store.spent()?);
        Ok(Self { cache, budget, store, closing })
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The answer to `prepared`: from the store, from a call under way, or newly paid.
    pub(super) async fn answer(
        &self,
        key: Key,
        prepared: &Prepared<'_>,
        model: &PricedModel,
        watch: &CallWatch,
    ) -> Result<Answer> {
        let flight = match self.cache.find(key) {
            Found::Stored => return self.recall(key).await,
            Found::Flight(flight) => flight,
        };
        let mut cached = true;
        let response = flight
            .get_or_try_init(|| async {
                cached = false;
                self.pay(key, prepared, model, watch).await
            })
            .await?;
        Ok(Answer { response: Arc::clone(response), cached })
    }

    async fn recall(&self, key: Key) -> Result<Answer> {
        // It may have been put a moment ago and not be committed yet.
        self.store.flush().await?;
        let call = self
            .store
            .call(&key)?
            .ok_or_else(|| Error::new(ErrorKind::Store, "a cached answer is missing from the run store"))?;
        Ok(Answer { response: Arc::new(call.response), cached: true })
    }

    async fn pay(
        &self,
        key: Key,
        prepared: &Prepared<'_>,
        model: &PricedModel,
        watch: &CallWatch,
    ) -> Result<Arc<ChatResponse>> {
        if self.closing.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run is being stopped"));
        }
        let bounded = self.budget.allowance().needs_bounds();
        let bound = if bounded { prepared.bound(model.price.as_ref()) } else { Bound::default() };
        let reservation = self.budget.reserve(bound).await?;
        let payment = Payment { ledger: self, model, reservation: Some(reservation) };
        let doubtful = watch.doubtful();
        let result = model.model.client().chat_watched(&prepared.request, watch).await;
        self.charge_doubtful(watch.doubtful() - doubtful, prepared, model).await?;
        match result {
            Ok(response) => self.keep(key, prepared, response, payment, bound),
            Err(error) => {
                if matches!(error.kind(), ErrorKind::Model(failure) if failure.may_be_billed()) {
                    drop(payment);
                } else {
                    payment.cancel();
                }
                Err(error)
            }
        }
    }

    /// Attempts that were retried although they may have been billed: counted at their upper bound.
    async fn charge_doubtful(
        &self,
        attempts: u32,
        prepared: &Prepared<'_>,
        model: &PricedModel,
    ) -> Result<()> {
        for _ in 0..attempts {
            let bound = prepared.bound(model.price.as_ref());
            let spent = match self.budget.reserve(bound).await {
                Ok(reservation) => reservation.forfeit(),
                // Nothing is left to set aside; the charge is kept all the same.
                Err(_) => Spent { calls: 1, usage: bound.usage, usd: bound.usd, ..Spent::default() },
            };
            let spent = unpriced_without(model.price.as_ref(), spent);
            self.store.put_charge(model.model.id().to_string(), spent)?;
        }
        Ok(())
    }

    fn keep(
        &self,
        key: Key,
        prepared: &Prepared<'_>,
        response: ChatResponse,
        payment: Payment<'_>,
        bound: Bound,
    ) -> Result<Arc<ChatResponse>> {
        let model = payment.model;
        let spent = spent_on(&response, model.price.as_ref());
        // Tokens that the provider did not report are counted at their upper bound.
        let counted = if response.usage.is_some() {
            spent
        } else {
            Spent { usage: bound.usage, usd: bound.usd, ..spent }
        };
        payment.settle(counted);
        let written = serde_json::to_string(&response).map_err(|error| {
            Error::new(ErrorKind::Store, "an answer cannot be written as JSON").with_source(error)
        })?;
        self.store.put_call(CallRow {
            key,
            model: model.model.id().to_string(),
            request: prepared.json.clone(),
            response: written,
            spent,
        })?;
        self.cache.stored(key);
        Ok(Arc::new(response))
    }
}

/// A call under way. Dropped before its answer came (a time limit, an abort), it may have been billed: the whole
/// reservation is then paid and noted.
struct Payment<'a> {
    ledger: &'a Ledger,
    model: &'a PricedModel,
    /// `None` once it is clear what the call cost.
    reservation: Option<Reservation>,
}

impl Payment<'_> {
    fn settle(mut self, spent: Spent) {
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(spent);
        }
    }

    /// The endpoint refused: nothing was billed.
    fn cancel(mut self) {
        self.reservation = None;
    }
}

impl Drop for Payment<'_> {
    fn drop(&mut self) {
        let Some(reservation) = self.reservation.take() else { return };
        let spent = unpriced_without(self.model.price.as_ref(), reservation.forfeit());
        if let Err(error) = self.ledger.store.put_charge(self.model.model.id().to_string(), spent) {
            tracing::error!(error = error.chain(), "a possible charge could not be noted");
        }
    }
}

/// What an answer used, and what that costs if it is known.
pub(super) fn spent_on(response: &ChatResponse, price: Option<&Price>) -> Spent {
    let cost = price.zip(response.usage.as_ref()).map(|(price, usage)| price.of(usage));
    Spent {
        calls: 1,
        cached_calls: 0,
        usage: response.usage.unwrap_or_default(),
        usd: cost.unwrap_or_default(),
        unpriced_calls: u64::from(cost.is_none()),
    }
}

fn unpriced_without(price: Option<&Price>, spent: Spent) -> Spent {
    Spent { unpriced_calls: u64::from(price.is_none()), ..spent }
}
