//! The door of an endpoint: as many calls inside as the limiter allows.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::limiter::Limiter;
use crate::error::{Error, ErrorKind, ModelFailure, Result};

/// Shared by all models of one endpoint and key.
#[derive(Debug)]
pub(super) struct Gate {
    /// Free places.
    places: Semaphore,
    state: Mutex<State>,
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    pub(super) retries: AtomicU64,
    rate_limited: AtomicU64,
    opened: Instant,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Absent where the limit is fixed.
    limiter: Option<Limiter>,
    /// Places that were taken away while a call sat in them.
    owed: usize,
}

/// A place inside, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// Says nothing about what the endpoint bears: the call was given up, or the request was wrong.
    Neutral,
    Answered,
    RateLimited(Option<Duration>),
    Troubled,
}

impl Gate {
    /// A gate whose limit is found out.
    pub(super) fn adaptive() -> Self {
        let limiter = Limiter::default();
        Self::with(limiter.limit(), Some(limiter))
    }

    /// A gate for at most `limit` calls, at least one.
    pub(super) fn fixed(limit: usize) -> Self {
        Self::with(limit.clamp(1, Semaphore::MAX_PERMITS), None)
    }

    fn with(limit: usize, limiter: Option<Limiter>) -> Self {
        Self {
            places: Semaphore::new(limit),
            state: Mutex::new(State { limit, limiter, owed: 0 }),
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            retries: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
            opened: Instant::now(),
        }
    }

    /// Waits for a place, first come, first served. Dropping the wait leaves the queue.
    pub(super) async fn enter(self: &Arc<Self>) -> Result<Place> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _queued = Queued::new(&self.waiting);
                // The gate never closes its semaphore.
                self.places
                    .acquire()
                    .await
                    .map_err(|error| Error::new(ErrorKind::Cancelled, error.to_string()))?
            }
        };
        // The place is given back by `Place`, which may have to keep it instead.
        permit.forget();
        self.in_flight.fetch_add(1, Relaxed);
        Ok(Place { gate: self.clone(), outcome: Outcome::Neutral })
    }

    pub(super) fn limit(&self) -> usize {
        self.lock().limit
    }

    pub(super) fn counts(&self) -> [u64; 4] {
        let wide = |count: &AtomicUsize| count.load(Relaxed) as u64;
        [
            wide(&self.in_flight),
            wide(&self.waiting),
            self.retries.load(Relaxed),
            self.rate_limited.load(Relaxed),
        ]
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, outcome: Outcome) {
        let in_flight = self.in_flight.fetch_sub(1, Relaxed);
        let mut state = self.lock();
        if let Some(limiter) = &mut state.limiter {
            learn(limiter, outcome, self.opened, in_flight);
            let limit = limiter.limit();
            self.resize(&mut state, limit);
        }
        if state.owed > 0 {
            state.owed -= 1;
        } else {
            self.places.add_permits(1);
        }
    }

    fn resize(&self, state: &mut State, limit: usize) {
        if limit == state.limit {
            return;
        }
        tracing::debug!(from = state.limit, to = limit, "concurrency limit");
        if limit > state.limit {
            let more = limit - state.limit;
            let forgiven = more.min(state.owed);
            state.owed -= forgiven;
            self.places.add_permits(more - forgiven);
        } else {
            let fewer = state.limit - limit;
            state.owed += fewer - self.places.forget_permits(fewer);
        }
        state.limit = limit;
    }
}

fn learn(limiter: &mut Limiter, outcome: Outcome, opened: Instant, in_flight: usize) {
    match outcome {
        Outcome::Neutral => {}
        Outcome::Answered => limiter.answered(opened.elapsed(), in_flight),
        Outcome::RateLimited(wait) => limiter.rate_limited(opened.elapsed(), wait),
        Outcome::Troubled => limiter.troubled(opened.elapsed()),
    }
}

impl Place {
    /// The call was answered.
    pub(super) fn answered(mut self) {
        self.outcome = Outcome::Answered;
    }

    /// The call failed.
    pub(super) fn failed(mut self, error: &Error) {
        self.outcome = match error.kind() {
            ErrorKind::Model(ModelFailure::RateLimited) => {
                self.gate.rate_limited.fetch_add(1, Relaxed);
                Outcome::RateLimited(error.retry_after())
            }
            ErrorKind::Model(ModelFailure::Server | ModelFailure::Timeout | ModelFailure::Connect) => {
                Outcome::Troubled
            }
            _ => Outcome::Neutral,
        };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.leave(self.outcome);
    }
}

/// Counts a waiting call, also when its wait is dropped.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn enter_all(gate: &Arc<Gate>, count: usize) -> Vec<Place> {
        let mut places = Vec::new();
        for _ in 0..count {
            places.push(gate.enter().await.unwrap());
        }
        places
    }

    fn is_full(gate: &Gate) -> bool {
        gate.places.available_permits() == 0
    }

    fn refusal() -> Error {
        Error::new(ErrorKind::Model(ModelFailure::RateLimited), "slow down")
    }

    #[tokio::test]
    async fn places_that_are_cut_while_taken_are_not_given_back() {
        let gate = Arc::new(Gate::adaptive());
        let mut places = enter_all(&gate, 20).await;
        places.pop().unwrap().failed(&refusal());
        assert_eq!(gate.limit(), 16);
        // 19 are inside, 16 may be: the next three that leave make no room.
        for _ in 0..3 {
            drop(places.pop());
            assert!(is_full(&gate));
        }
        drop(places.pop());
        assert!(!is_full(&gate));
    }

    #[tokio::test]
    async fn growth_lets_more_in_at_once() {
        let gate = Arc::new(Gate::adaptive());
        enter_all(&gate, 20).await.into_iter().for_each(Place::answered);
        assert_eq!(gate.limit(), 40);
        let inside = enter_all(&gate, 40).await;
        assert!(is_full(&gate));
        drop(inside);
        assert_eq!(gate.places.available_permits(), 40);
    }

    #[tokio::test]
    async fn a_dropped_wait_leaves_the_queue_and_loses_no_place() {
        let gate = Arc::new(Gate::fixed(1));
        let inside = gate.enter().await.unwrap();
        let waits = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(gate.counts()[..2], [1, 1]);
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        assert_eq!(gate.counts()[1], 0);
        drop(inside);
        gate.enter().await.unwrap().answered();
        assert_eq!((gate.counts()[0], gate.limit()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fixed_gate_stays_as_it_is() {
        let gate = Arc::new(Gate::fixed(2));
        for _ in 0..10 {
            gate.enter().await.unwrap().failed(&refusal());
        }
        assert_eq!((gate.limit(), gate.counts()[3]), (2, 10));
    }
}
