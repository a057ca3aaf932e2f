//! An embedded model as home calls it while it answers on a worker.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{
    crew::Crew,
    policies::{Policies, Weights},
    wire::ToWorker,
};
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    model::{ChatModel, ChatRequest, ChatResponse, Model, ModelId, embedded::Embedded},
    rollout::PricedModel,
};

/// Answers where the rollout runs that asks, with the weights that the model has at home.
pub(super) struct Delegate {
    id: ModelId,
    embedded: Embedded,
    crew: Arc<Crew>,
    worker: u64,
}

/// Who waits for an answer of a worker.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) weights: Weights,
    pub(super) done: oneshot::Sender<Result<ChatResponse>>,
}

impl Delegate {
    /// `model` as `worker` answers for it, if it is an embedded one.
    pub(super) fn of(model: &PricedModel, crew: &Arc<Crew>, worker: u64) -> Option<PricedModel> {
        let id = model.model.id().clone();
        let embedded = Embedded::loaded(&id)?;
        let delegate = Self { id, embedded, crew: Arc::clone(crew), worker };
        Some(PricedModel { model: Model::new(delegate), ..model.clone() })
    }

    async fn answer(&self, policies: &Policies, request: &ChatRequest) -> Result<ChatResponse> {
        let weights = policies.current(&self.embedded, self.crew.carrier.as_ref()).await?;
        let (done, answer) = oneshot::channel();
        let wanted = Wanted { weights: weights.clone(), done };
        let id = self.crew.lock().want(self.worker, wanted).ok_or_else(gone)?;
        let _cease = Ceasing { crew: &self.crew, worker: self.worker, id };
        self.crew.send(self.worker, &ToWorker::Generate { id, weights, request: Box::new(request.clone()) });
        answer.await.map_err(|_| gone())?
    }
}

impl Crew {
    /// Takes what an embedded model of `worker` answered, if it did so by the weights that were asked for.
    pub(super) fn generated(
        &self,
        worker: u64,
        id: u64,
        weights: &Weights,
        result: Result<Box<ChatResponse>>,
    ) {
        let Some(wanted) = self.lock().wanted(worker, id) else { return };
        let result = match wanted.weights == *weights {
            true => result.map(|response| *response),
            false => Err(Error::new(ErrorKind::Other, "a worker answered by other weights: this is a bug")),
        };
        // It may have been cut in the meantime.
        wanted.done.send(result).ok();
    }
}

impl ChatModel for Delegate {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        Box::pin(async move {
            match &self.crew.policies {
                Some(policies) => self.answer(policies, request).await,
                None => self.embedded.chat(request).await,
            }
        })
    }

    fn takes_seed(&self) -> bool {
        self.embedded.takes_seed()
    }
}

/// An answer that is wanted until this is dropped.
struct Ceasing<'a> {
    crew: &'a Crew,
    worker: u64,
    id: u64,
}

impl Drop for Ceasing<'_> {
    fn drop(&mut self) {
        let open = self.crew.lock().wanted(self.worker, self.id);
        if open.is_some() {
            self.crew.send(self.worker, &ToWorker::Cease { id: self.id });
        }
    }
}

fn gone() -> Error {
    let message = "the worker that answered is gone; its rollouts are run again";
    Error::new(ErrorKind::Model(ModelFailure::Connect), message)
}
