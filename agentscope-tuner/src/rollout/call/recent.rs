//! Answers of the last rollouts, for who learns from them: reading them back from the store would cost as much as making them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    model::{ChatResponse, Sampling},
    rollout::store::Key,
};

/// An answer, and how it was sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Settings of the request.
    pub sampling: Sampling,
    /// The answer.
    pub response: ChatResponse,
}

/// The answers since they were last taken; none unless they are wanted.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Option<HashMap<Key, Answered>>>);

impl Recent {
    /// Takes what there is, and keeps what comes from now on.
    pub(super) fn take(&self) -> HashMap<Key, Answered> {
        self.lock().replace(HashMap::new()).unwrap_or_default()
    }

    /// Keeps an answer, if it is wanted.
    pub(super) fn note(&self, key: Key, answered: impl FnOnce() -> Answered) {
        if let Some(recent) = self.lock().as_mut() {
            recent.insert(key, answered());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<HashMap<Key, Answered>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
