//! What all calls of a run share: the cache, the budget and the store.

use std::{collections::HashMap, sync::Arc};

use futures_util::StreamExt as _;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::{
    cache::{Cache, Found},
    payment::{Account, Payment},
    prepared::Prepared,
    recent::{Answered, Recent},
};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::{ChatEvent, ChatModel, ChatRequest, ChatResponse, Price, endpoint::Waits, json},
    rollout::{
        budget::{Allowance, Budget, Owner},
        models::PricedModel,
        store::{CallRow, Key, Store},
    },
    workflow::Spent,
};

/// The books of a run: no call is paid twice, none beyond the budget, and each is kept.
#[derive(Debug)]
pub(crate) struct Ledger {
    cache: Cache,
    recent: Recent,
    budget: Arc<Budget>,
    store: Store,
    /// Once set, no new call begins; those under way are waited for and kept.
    closing: CancellationToken,
}

/// Takes the pieces of an answer while it is streamed.
pub(crate) type Pieces = UnboundedSender<ChatEvent>;

/// An answer, and whether it was paid for now.
pub(crate) struct Answer {
    pub(crate) response: Arc<ChatResponse>,
    pub(crate) cached: bool,
}

impl Ledger {
    /// Opens the books over `store`: what it holds is known and already spent.
    pub(crate) fn open(store: Store, allowance: Allowance, closing: CancellationToken) -> Result<Self> {
        let cache = Cache::with_stored(store.call_keys()?);
        let budget = Budget::new(Owner::Run, allowance, store.spent()?);
        Ok(Self { cache, recent: Recent::default(), budget, store, closing })
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The answers that were paid since the last call of this, which also says that they are wanted from now on.
    pub(crate) fn take_answers(&self) -> HashMap<Key, Answered> {
        self.recent.take()
    }

    /// The answer to `prepared`: from the store, from a call under way, or newly paid. An answer that is paid now tells
    /// `pieces` of each piece as it comes.
    pub(crate) async fn find_or_pay(
        &self,
        key: &Key,
        prepared: &Prepared<'_>,
        model: &Arc<PricedModel>,
        waits: &Waits,
        pieces: Option<&Pieces>,
    ) -> Result<Answer> {
        let flight = match self.cache.find(*key) {
            Found::Stored => return Box::pin(self.recall(*key)).await,
            Found::Flight(flight) => flight,
        };
        let mut cached = true;
        let response = flight
            .get_or_try_init(|| async {
                cached = false;
                self.pay(key, prepared, model, waits, pieces).await
            })
            .await?;
        Ok(Answer { response: Arc::clone(response), cached })
    }

    /// What was answered under this key, if anything was.
    pub(crate) async fn answered(&self, key: Key) -> Result<Option<ChatResponse>> {
        // It may have been put a moment ago and not be committed yet.
        self.store.flush().await?;
        Ok(self.store.call(&key)?.map(|call| call.response))
    }

    async fn recall(&self, key: Key) -> Result<Answer> {
        let response = self
            .answered(key)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::Store, "a cached answer is missing from the run store"))?;
        Ok(Answer { response: Arc::new(response), cached: true })
    }

    async fn pay(
        &self,
        key: &Key,
        prepared: &Prepared<'_>,
        model: &Arc<PricedModel>,
        waits: &Waits,
        pieces: Option<&Pieces>,
    ) -> Result<Arc<ChatResponse>> {
        if self.closing.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the run is being stopped"));
        }
        let bound = prepared.bound(model.price.as_ref());
        let account = Account::open(&self.budget, &self.store, model, bound).await?;
        let mut payment = Payment::of(account, waits);
        let client = model.model.client();
        let response = match pieces {
            None => payment.watch(client.chat(prepared.request())).await?,
            Some(pieces) => {
                payment.watch(Box::pin(whole(client.as_ref(), prepared.request(), pieces))).await?
            }
        };
        let spent = spent_on(&response, model.price.as_ref());
        payment.settle(spent, response.usage.is_some());
        self.keep(*key, prepared, model, &response, spent)?;
        Ok(Arc::new(response))
    }

    fn keep(
        &self,
        key: Key,
        prepared: &Prepared<'_>,
        model: &PricedModel,
        response: &ChatResponse,
        spent: Spent,
    ) -> Result<()> {
        let (model, request) = (model.model.id(), &prepared.json());
        let put =
            |response: &str| self.store.put_call(CallRow { key, model, request, response: &response, spent });
        json::with_text(response, put).map_err(|error| {
            Error::new(ErrorKind::Store, "an answer cannot be written as JSON").with_source(error)
        })??;
        self.cache.stored(key);
        let sampling = || prepared.request().sampling.clone();
        self.recent.note(key, || Answered { sampling: sampling(), response: response.clone() });
        Ok(())
    }
}

/// Streams an answer, telling `pieces` of each piece; returns the whole of it.
async fn whole(client: &dyn ChatModel, request: &ChatRequest, pieces: &Pieces) -> Result<ChatResponse> {
    let mut events = client.stream(request).await?;
    while let Some(event) = events.next().await {
        match event? {
            ChatEvent::Done(response) => return Ok(*response),
            // Nobody reads any more: the answer is paid all the same, and kept.
            piece => _ = pieces.send(piece),
        }
    }
    Err(Error::new(ErrorKind::Model(ModelFailure::Protocol), "the stream ended without an answer"))
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
