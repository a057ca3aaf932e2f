//! Jobs and models, in the form in which they travel.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::roster::MOST_LOSSES;
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, Result},
    model::{ChatModel, ChatRequest, ChatResponse, Model, ModelId, Price, Sampling},
    rollout::{Job, PricedModel, Record, Status, Task, desk::Ready},
    workflow::Spent,
};

/// A job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    candidate: Candidate,
    id: String,
    task: Value,
    attempt: u32,
}

impl Errand {
    pub(super) fn of(job: &Job) -> Self {
        let Job { candidate, task, attempt } = job;
        let (candidate, id, task) = ((**candidate).clone(), task.id.clone(), task.value.clone());
        Self { candidate, id, task, attempt: *attempt }
    }

    pub(super) fn job(self) -> Job {
        let task = Task { id: self.id, value: self.task };
        Job { candidate: Arc::new(self.candidate), task: Arc::new(task), attempt: self.attempt }
    }
}

/// A model, as far as a worker has to know it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Described {
    id: ModelId,
    sampling: Sampling,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    takes_seed: bool,
}

impl Described {
    pub(super) fn of(priced: &PricedModel) -> Self {
        let PricedModel { model, price, max_output_tokens } = priced;
        let (id, sampling) = (model.id().clone(), model.sampling().clone());
        let takes_seed = model.client().takes_seed();
        Self { id, sampling, price: *price, max_output_tokens: *max_output_tokens, takes_seed }
    }

    pub(super) fn priced(self) -> PricedModel {
        let Self { id, sampling, price, max_output_tokens, takes_seed } = self;
        PricedModel {
            model: Model::new(AtHome { id, takes_seed }).with_sampling(sampling),
            price,
            max_output_tokens,
        }
    }
}

/// A model that only home can call. Rollouts reach it through their books; nothing else runs on a worker.
struct AtHome {
    id: ModelId,
    takes_seed: bool,
}

impl ChatModel for AtHome {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn chat<'a>(&'a self, _: &'a ChatRequest) -> BoxFuture<'a, Result<ChatResponse>> {
        let message = format!("{} is called at home, not by a worker: this is a bug", self.id);
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::Other, message))))
    }

    fn takes_seed(&self) -> bool {
        self.takes_seed
    }
}

/// The records, where they are those of the bundle.
///
/// # Errors
/// [`ErrorKind::Other`] where they are not.
pub(super) fn fitting(bundle: &[Ready], records: Vec<Record>) -> Result<Vec<Record>> {
    let of = |(ready, record): (&Ready, &Record)| {
        ready.job.task.id == record.task_id && ready.job.attempt == record.attempt
    };
    if bundle.len() == records.len() && bundle.iter().zip(&records).all(of) {
        return Ok(records);
    }
    Err(Error::new(ErrorKind::Other, "a worker returned records of other rollouts: this is a bug"))
}

/// The record of a rollout under which too many workers died.
pub(super) fn unfinished(job: &Job, why: &str) -> Record {
    let error = format!("{MOST_LOSSES} workers died while they ran it, the last one because {why}");
    Record {
        candidate: job.candidate.name.clone(),
        task_id: job.task.id.clone(),
        attempt: job.attempt,
        status: Status::InfrastructureFailed,
        reward: None,
        metrics: BTreeMap::new(),
        feedback: None,
        response: Value::Null,
        error: Some(error),
        limit: None,
        spent: Spent::default(),
        judge_spent: Spent::default(),
        seconds: 0.0,
        calls: Vec::new(),
    }
}
