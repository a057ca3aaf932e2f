//! Who answers for a failure: the candidate, an endpoint, or the run.

use super::call::Scope;
use crate::{
    error::{Error, ErrorKind, Limit, ModelFailure},
    workflow::Produced,
};

/// Who answers for an error that a workflow or judge returned.
#[derive(Debug)]
pub(super) enum Blame {
    /// The run ends: stopped, out of budget, or its store failed.
    Run(Error),
    /// A limit of the rollout cut it.
    Limit(Limit),
    /// An endpoint failed after all retries.
    Endpoint,
    /// The workflow or judge itself.
    Component,
}

/// Looks at the error and, since users wrap errors in their own, at what the calls of `scope` met.
pub(super) fn blame(error: &Error, scope: &Scope) -> Blame {
    let own = Error::find(error).map(|own| (own.kind(), own.to_string()));
    let (told, seen) = (own.and_then(outside), scope.failure().and_then(outside));
    told.or(seen).unwrap_or(Blame::Component)
}

/// Blames what lies outside the workflow, if anything does.
fn outside((kind, message): (ErrorKind, String)) -> Option<Blame> {
    match kind {
        ErrorKind::Budget(_) | ErrorKind::Cancelled | ErrorKind::Store | ErrorKind::Config => {
            Some(Blame::Run(Error::new(kind, message)))
        }
        // A wrong key stays wrong: no call of this run will go better.
        ErrorKind::Model(ModelFailure::Auth) => Some(Blame::Run(Error::new(kind, message))),
        ErrorKind::Limit(limit) => Some(Blame::Limit(limit)),
        ErrorKind::Model(failure) if is_infrastructure(failure) => Some(Blame::Endpoint),
        _ => None,
    }
}

/// Whether a failure says nothing about the candidate. A refusal does, and so does a request that the endpoint
/// finds too long or malformed: another candidate would not have made it.
fn is_infrastructure(failure: ModelFailure) -> bool {
    !matches!(failure, ModelFailure::Refused | ModelFailure::Request)
}

/// The first number of the workflow's own that is not finite.
pub(super) fn not_finite(produced: &Produced) -> Option<String> {
    let reward = produced.reward.iter().map(|reward| ("reward", *reward));
    let metrics = produced.metrics.iter().map(|(name, value)| (name.as_str(), *value));
    let (name, value) = reward.chain(metrics).find(|(_, value)| !value.is_finite())?;
    Some(format!("the workflow's `{name}` is {value}, but must be a finite number"))
}
