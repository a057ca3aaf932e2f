//! Models of one endpoint and key share its limit, wherever in the process they are made.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Semaphore;

use super::{Concurrency, gate::Gate};
use crate::model::ModelId;

/// Endpoint, key, and for fixed limits the model and its limit.
type Key = (String, u64, Option<(String, usize)>);

static GATES: Mutex<BTreeMap<Key, Weak<Gate>>> = Mutex::new(BTreeMap::new());

/// How an endpoint is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its base URL; empty for models inside this process.
    pub endpoint: String,
    /// Most calls at once as of now.
    pub limit: usize,
    /// Calls under way.
    pub in_flight: u64,
    /// Calls that wait for their turn.
    pub waiting: u64,
    /// Attempts so far that repeated a failed one.
    pub retries: u64,
    /// Times the endpoint asked to slow down.
    pub rate_limited: u64,
}

/// Every endpoint of this process that a model still uses, sorted by URL.
pub fn statuses() -> Vec<EndpointStatus> {
    let gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
    gates.iter().filter_map(|(key, gate)| Some(status(&key.0, &*gate.upgrade()?))).collect()
}

pub(super) fn status(endpoint: &str, gate: &Gate) -> EndpointStatus {
    let [in_flight, waiting, retries, rate_limited] = gate.counts();
    EndpointStatus {
        endpoint: endpoint.to_owned(),
        limit: gate.limit(),
        in_flight,
        waiting,
        retries,
        rate_limited,
    }
}

/// The gate that a model of `id` goes through.
pub(super) fn gate(id: &ModelId, concurrency: Concurrency) -> Arc<Gate> {
    let fixed = match concurrency {
        Concurrency::Unlimited => return Arc::new(Gate::fixed(Semaphore::MAX_PERMITS)),
        Concurrency::Adaptive => None,
        Concurrency::Fixed(limit) => Some((id.name.clone(), limit)),
    };
    let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
    gates.retain(|_, gate| gate.strong_count() > 0);
    let slot = gates.entry((id.endpoint.clone(), id.key, fixed)).or_default();
    if let Some(gate) = slot.upgrade() {
        return gate;
    }
    let gate = Arc::new(match concurrency {
        Concurrency::Fixed(limit) => Gate::fixed(limit),
        _ => Gate::adaptive(),
    });
    *slot = Arc::downgrade(&gate);
    gate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(endpoint: &str, name: &str, key: u64) -> ModelId {
        ModelId { provider: "openai".into(), endpoint: endpoint.into(), name: name.into(), key }
    }

    #[test]
    fn models_of_one_endpoint_and_key_share_their_gate() {
        let adaptive = |name, key| gate(&id("http://shared.test/v1", name, key), Concurrency::Adaptive);
        let first = adaptive("a", 1);
        assert!(Arc::ptr_eq(&first, &adaptive("b", 1)));
        assert!(!Arc::ptr_eq(&first, &adaptive("a", 2)));
        assert!(statuses().iter().any(|status| status.endpoint == "http://shared.test/v1"));
    }

    #[test]
    fn a_fixed_limit_belongs_to_its_model() {
        let fixed = |name| gate(&id("http://fixed.test/v1", name, 1), Concurrency::Fixed(3));
        let first = fixed("a");
        assert!(Arc::ptr_eq(&first, &fixed("a")));
        assert!(!Arc::ptr_eq(&first, &fixed("b")));
    }
}
