//! What all calls of a run share: the cache, the budget and the store.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    cache::{Cache, Found},
    prepared::Prepared,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{
        ChatResponse, Price,
        endpoint::{AttemptLog, Waits},
    },
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
        waits: &Waits,
    ) -> Result<Answer> {
        let flight = match self.cache.find(key) {
            Found::Stored => return self.recall(key).await,
            Found::Flight(flight) => flight,
        };
        let mut cached = true;
        let response = flight
            .get_or_try_init(|| async {
                cached = false;
                self.pay(key, prepared, model, waits).await
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
        waits: &Waits,
    ) -> Result<Arc<ChatResponse>> {
        if self.closing.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run is being stopped"));
        }
        let bound = prepared.bound(model.price.as_ref());
        let bounded = self.budget.allowance().needs_bounds();
        let reservation = self.budget.reserve(if bounded { bound } else { Bound::default() }).await?;
        let log = AttemptLog::new(waits.clone());
        let mut payment = Payment {
            ledger: self,
            model,
            bound,
            log: log.clone(),
            refused: false,
            reservation: Some(reservation),
        };
        match log.watch(model.model.client().chat(&prepared.request)).await {
            Ok(response) => self.keep(key, prepared, response, payment),
            Err(error) => {
                payment.refused =
                    !matches!(error.kind(), ErrorKind::Model(failure) if failure.may_be_billed());
                Err(error)
            }
        }
    }

    fn keep(
        &self,
        key: Key,
        prepared: &Prepared<'_>,
        response: ChatResponse,
        payment: Payment<'_>,
    ) -> Result<Arc<ChatResponse>> {
        let Payment { model, bound, .. } = payment;
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

/// A call under way. What was sent without an answer (time-outs, a broken connection, a rollout dropped by its time
/// limit) may have been billed: when this is dropped, each such attempt is paid at its upper bound, and noted.
struct Payment<'a> {
    ledger: &'a Ledger,
    model: &'a PricedModel,
    bound: Bound,
    log: AttemptLog,
    /// The endpoint said no: that attempt cost nothing.
    refused: bool,
    /// `None` once the answer is paid.
    reservation: Option<Reservation>,
}

impl Payment<'_> {
    fn settle(mut self, spent: Spent) {
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(spent);
        }
    }

    /// Attempts that may have been billed without an answer.
    fn unanswered(&self) -> u32 {
        match self.log.started() {
            // A client without retries of its own keeps no log.
            0 => u32::from(self.reservation.is_some() && !self.refused),
            _ => self.log.maybe_billed(),
        }
    }

    fn note(&self, spent: Spent) {
        let model = self.model.model.id().to_string();
        if let Err(error) = self.ledger.store.put_charge(model, spent) {
            tracing::error!(error = error.chain(), "a possible charge could not be noted");
        }
    }
}

impl Drop for Payment<'_> {
    fn drop(&mut self) {
        for _ in 0..self.unanswered() {
            let unpriced_calls = u64::from(self.model.price.is_none());
            let spent = Spent { unpriced_calls, ..self.bound.as_spent() };
            self.note(spent);
            match self.reservation.take() {
                Some(reservation) => reservation.settle(spent),
                None => self.ledger.budget.charge(spent),
            }
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
