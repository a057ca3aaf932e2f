//! What the calls of one rollout share.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    error::{Error, ErrorKind},
    model::endpoint::Waits,
    rollout::{
        budget::{Allowance, Bound, Budget, Owner, Reservation},
        record::CallRef,
        store::{Key, KeyMap},
    },
    workflow::{Meter, Spent},
};

/// The rollout that a call belongs to: its limits, its meter, its trace.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(super) attempt: u32,
    pub(super) seed: u64,
    /// What this rollout may use, cached calls included, so that a resumed rollout stops where it did before.
    /// None where nothing is limited.
    pub(super) budget: Option<Arc<Budget>>,
    pub(super) meter: Arc<Meter>,
    pub(super) waits: Waits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    repeated: KeyMap<u32>,
    trace: Vec<(CallRef, bool)>,
    failure: Option<(ErrorKind, String)>,
}

impl Scope {
    /// A rollout that may use `allowance`.
    pub(crate) fn new(attempt: u32, seed: u64, allowance: Allowance) -> Arc<Self> {
        let limited = allowance != Allowance::default();
        let budget = limited.then(|| Budget::new(Owner::Rollout, allowance, Spent::default()));
        let (meter, waits, state) = Default::default();
        Arc::new(Self { attempt, seed, budget, meter, waits, state })
    }

    /// Whether a limit of the rollout needs an upper bound of what each call can use.
    pub(super) fn needs_bounds(&self) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.allowance().needs_bounds())
    }

    /// Sets `bound` aside for one call, where anything is limited.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] when there is not enough.
    pub(super) async fn reserve(&self, bound: Bound) -> Result<Option<Reservation>, Error> {
        match &self.budget {
            None => Ok(None),
            // Boxed, so that rollouts that nothing limits need no room for it. A client of the gateway's is told of a failure
            // in words that the engine cannot read back.
            Some(budget) => {
                Box::pin(budget.reserve(bound)).await.map(Some).inspect_err(|error| self.fail(error))
            }
        }
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// How long its calls waited, instead of working.
    pub(crate) fn waited(&self) -> Duration {
        self.waits.total()
    }

    pub(crate) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The calls that were answered, in the order in which they were made.
    pub(crate) fn answered(&self) -> Vec<CallRef> {
        self.with(|state| {
            let answered = || state.trace.iter().filter(|(_, answered)| *answered).map(|(call, _)| call);
            // Kept for as long as the run lasts, so without room to spare.
            let mut calls = Vec::with_capacity(answered().count());
            calls.extend(answered().cloned());
            calls
        })
    }

    /// The last failure of a call, which the workflow may have hidden in an error of its own.
    pub(crate) fn failure(&self) -> Option<(ErrorKind, String)> {
        self.with(|state| state.failure.clone())
    }

    /// How often this request was made before in this rollout.
    pub(super) fn repetition(&self, base: Key) -> u32 {
        self.with(|state| {
            let next = state.repeated.entry(base).or_default();
            *next += 1;
            *next - 1
        })
    }

    /// Notes that a call begins; returns its place in the trace.
    pub(super) fn begin(&self, call: CallRef) -> usize {
        self.with(|state| {
            state.trace.push((call, false));
            state.trace.len() - 1
        })
    }

    /// Notes how the call at `place` ended.
    pub(super) fn end(&self, place: usize, result: Result<(), &Error>) {
        self.with(|state| match result {
            Ok(()) => state.trace[place].1 = true,
            Err(error) => state.failure = Some((error.kind(), error.chain())),
        });
    }

    /// Notes why a call could not begin.
    fn fail(&self, error: &Error) {
        self.with(|state| state.failure = Some((error.kind(), error.chain())));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
