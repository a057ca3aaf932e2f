//! What a workflow returns.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::Produced;
use crate::error::{BoxError, Error, ErrorKind, Result};

/// A response with the workflow's own reward and metrics.
///
/// For workflows that know how well they did, such as games: no judge is needed then.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowOutput<R> {
    /// What the judge sees.
    pub response: R,
    /// The workflow's own reward, a finite number. A judge, if there is one, takes precedence.
    pub reward: Option<f64>,
    /// Anything worth counting.
    pub metrics: BTreeMap<String, f64>,
}

impl<R> WorkflowOutput<R> {
    /// A response without reward or metrics.
    pub fn new(response: R) -> Self {
        Self { response, reward: None, metrics: BTreeMap::new() }
    }

    /// The same with a reward.
    #[must_use]
    pub fn reward(mut self, reward: f64) -> Self {
        self.reward = Some(reward);
        self
    }

    /// The same with one more metric.
    #[must_use]
    pub fn metric(mut self, name: impl Into<String>, value: f64) -> Self {
        self.metrics.insert(name.into(), value);
        self
    }
}

/// The return types of workflows: `Result<R>` and `Result<WorkflowOutput<R>>`, with any error type.
#[diagnostic::on_unimplemented(
    message = "a workflow cannot return `{Self}`",
    label = "not a `Result` of a response",
    note = "return `Result<R>` or `Result<WorkflowOutput<R>>`, where `R: Serialize + DeserializeOwned + Send + Sync + 'static` and the error converts into `Box<dyn Error + Send + Sync>`"
)]
pub trait WorkflowReturn {
    /// What the judge sees.
    type Response;

    /// Erases the type, keeping the response as a value and as JSON.
    ///
    /// # Errors
    /// The workflow's own error, or that its response is not JSON.
    fn produce(self) -> Result<Produced>;
}

/// What stands inside the `Result` of a workflow.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the response of a workflow",
    note = "a response implements `Serialize + DeserializeOwned + Send + Sync + 'static`: derive `Serialize` and `Deserialize` for it"
)]
pub trait WorkflowValue {
    /// What the judge sees.
    type Response: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// As an output.
    fn into_output(self) -> WorkflowOutput<Self::Response>;
}

#[diagnostic::do_not_recommend]
impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> WorkflowValue for R {
    type Response = R;

    fn into_output(self) -> WorkflowOutput<R> {
        WorkflowOutput::new(self)
    }
}

// `WorkflowOutput` is never `Serialize`, which is what keeps these two apart.
impl<R: Serialize + DeserializeOwned + Send + Sync + 'static> WorkflowValue for WorkflowOutput<R> {
    type Response = R;

    fn into_output(self) -> WorkflowOutput<R> {
        self
    }
}

impl<T: WorkflowValue, E: Into<BoxError>> WorkflowReturn for Result<T, E> {
    type Response = T::Response;

    fn produce(self) -> Result<Produced> {
        let output = self.map_err(Error::other)?.into_output();
        let json = serde_json::to_value(&output.response).map_err(|error| {
            Error::new(ErrorKind::Workflow, "the workflow's response cannot be written as JSON")
                .with_source(error)
        })?;
        Ok(Produced {
            response: Arc::new(output.response),
            json,
            reward: output.reward,
            metrics: output.metrics,
        })
    }
}
