//! All responses to one task.

use std::sync::Arc;

use super::{Erased, unerase};
use crate::error::Result;

/// The responses of several rollouts of one task, for a judge that compares them: every candidate's, and every attempt's.
///
/// Rollouts that failed are not in it. Outside a run, collect one: `["a", "b"].map(String::from).into_iter().collect()`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<R>(Vec<Arc<R>>);

impl<R> Group<R> {
    /// The responses, in the order in which the judge returns their rewards.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &R> {
        self.0.iter().map(|response| &**response)
    }

    /// How many they are, at least 1 in a run.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<R: Send + Sync + 'static> Group<R> {
    /// A group of these responses, with its type erased.
    pub(crate) fn gather(responses: Vec<Erased>) -> Result<Erased> {
        let group: Vec<_> = responses.into_iter().map(unerase::<R>).collect::<Result<_>>()?;
        Ok(Arc::new(Self(group)))
    }
}

impl<R> FromIterator<R> for Group<R> {
    fn from_iter<I: IntoIterator<Item = R>>(responses: I) -> Self {
        Self(responses.into_iter().map(Arc::new).collect())
    }
}
