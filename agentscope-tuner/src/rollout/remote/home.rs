//! Calls of workers, answered at home.

use std::sync::Arc;

use super::wire::Given;
use crate::{
    error::Result,
    model::{ChatRequest, endpoint::Waits},
    rollout::{
        Key, ModelTable, PricedModel,
        call::{Answer, Ledger, Prepared},
    },
};

/// The books and the models of a run.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) ledger: Arc<Ledger>,
    pub(super) models: ModelTable,
}

impl Home {
    /// The answer of `model` to `request`, which was made ready by a worker; remembered, or paid now.
    pub(super) async fn ask(
        &self,
        model: &Arc<PricedModel>,
        key: Key,
        request: &ChatRequest,
        waits: &Waits,
    ) -> Result<Option<Given>> {
        let prepared = Prepared::as_sent(request)?;
        let Answer { response, cached } =
            self.ledger.find_or_pay(&key, &prepared, model, waits, None).await?;
        Ok(Some(Given { response: Arc::unwrap_or_clone(response), cached }))
    }

    /// What was answered under `key`, if anything was.
    pub(super) async fn recall(&self, key: Key) -> Result<Option<Given>> {
        Ok(self.ledger.answered(key).await?.map(|response| Given { response, cached: true }))
    }
}
