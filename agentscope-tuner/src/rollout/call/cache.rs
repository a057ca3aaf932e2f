//! Which calls are answered already, and which are under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OnceCell;

use crate::{
    model::ChatResponse,
    rollout::store::{Key, KeyMap},
};

/// One call under way: whoever comes second waits for the first instead of paying again.
pub(super) type Flight = OnceCell<Arc<ChatResponse>>;

/// The calls of a run, by key.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<KeyMap<Slot>>);

#[derive(Debug)]
enum Slot {
    UnderWay(Weak<Flight>),
    Stored,
}

/// Where the answer of a call is to be had.
pub(super) enum Found {
    /// In the store.
    Stored,
    /// Here, once it has come; the first to arrive makes it come.
    Flight(Arc<Flight>),
}

impl Cache {
    pub(super) fn with_stored(keys: impl IntoIterator<Item = Key>) -> Self {
        Self(Mutex::new(keys.into_iter().map(|key| (key, Slot::Stored)).collect()))
    }

    pub(super) fn find(&self, key: Key) -> Found {
        let mut slots = self.lock();
        match slots.get(&key) {
            Some(Slot::Stored) => return Found::Stored,
            Some(Slot::UnderWay(flight)) => {
                if let Some(flight) = flight.upgrade() {
                    return Found::Flight(flight);
                }
            }
            None => {}
        }
        let flight = Arc::new(Flight::new());
        slots.insert(key, Slot::UnderWay(Arc::downgrade(&flight)));
        Found::Flight(flight)
    }

    /// The answer is on its way into the store; memory need not hold it any longer.
    pub(super) fn stored(&self, key: Key) {
        self.lock().insert(key, Slot::Stored);
    }

    fn lock(&self) -> MutexGuard<'_, KeyMap<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
