//! Budgets: what a run or a rollout may spend, reserved before it is spent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{
    error::{Error, ErrorKind, Limit, Result},
    model::{Usage, Usd},
    workflow::Spent,
};

/// The most that may be spent; what is `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allowance {
    /// Model calls.
    pub calls: Option<u64>,
    /// Tokens, input and output together.
    pub tokens: Option<u64>,
    /// Money.
    pub usd: Option<Usd>,
}

impl Allowance {
    /// Whether an upper bound of a call's tokens or cost is needed to keep within it.
    pub fn needs_bounds(&self) -> bool {
        self.tokens.is_some() || self.usd.is_some()
    }

    fn exceeded_by(&self, spent: &Spent) -> Option<Limit> {
        let over = |limit: Option<u64>, spent| limit.is_some_and(|limit| spent > limit);
        if over(self.calls, spent.calls) {
            Some(Limit::Calls)
        } else if over(self.tokens, spent.usage.total()) {
            Some(Limit::Tokens)
        } else if self.usd.is_some_and(|usd| spent.usd > usd) {
            Some(Limit::Usd)
        } else {
            None
        }
    }
}

/// The most that one call can spend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    /// Tokens, at most.
    pub(super) usage: Usage,
    /// Money, at most.
    pub(super) usd: Usd,
}

impl Bound {
    pub(super) fn as_spent(&self) -> Spent {
        Spent { calls: 1, usage: self.usage, usd: self.usd, ..Spent::default() }
    }
}

/// Whose spending a budget bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The whole run: when it is spent, the run ends.
    Run,
    /// One rollout: when it is spent, the rollout is judged as it stands.
    Rollout,
}

/// An allowance that calls in flight share: reservations and payments together never exceed it.
#[derive(Debug)]
pub(super) struct Budget {
    owner: Owner,
    allowance: Allowance,
    state: Mutex<State>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    spent: Spent,
    reserved: Spent,
    in_flight: u64,
}

impl Budget {
    /// A budget of `allowance`, of which `spent` is gone already.
    pub(super) fn new(owner: Owner, allowance: Allowance, spent: Spent) -> Arc<Self> {
        let state = State { spent, ..State::default() };
        Arc::new(Self { owner, allowance, state: Mutex::new(state), settled: Notify::new() })
    }

    /// What may be spent in all.
    pub(super) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// What has been paid.
    pub(super) fn spent(&self) -> Spent {
        self.lock().spent
    }

    /// Sets `bound` aside for one call. Waits while only the reservations of calls in flight stand in its way:
    /// they may turn out cheaper.
    ///
    /// # Errors
    /// [`ErrorKind::Budget`] or [`ErrorKind::Limit`], by the owner, when it does not fit even so.
    pub(super) async fn reserve(self: &Arc<Self>, bound: Bound) -> Result<Reservation> {
        match self.now(bound) {
            Some(result) => result,
            // Boxed, so that the calls that need not wait need no room for it.
            None => Box::pin(self.later(bound)).await,
        }
    }

    async fn later(self: &Arc<Self>, bound: Bound) -> Result<Reservation> {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // Registered before the state is read, so that no settlement in between is missed.
            settled.as_mut().enable();
            match self.now(bound) {
                Some(result) => return result,
                None => settled.await,
            }
        }
    }

    /// The reservation or why there never is one; `None` while others stand in its way.
    fn now(self: &Arc<Self>, bound: Bound) -> Option<Result<Reservation>> {
        match self.try_reserve(bound) {
            Attempt::Reserved(reservation) => Some(Ok(reservation)),
            Attempt::Never(limit) => Some(Err(self.exhausted(limit))),
            Attempt::Later => None,
        }
    }

    /// Pays without having reserved: for attempts that were made inside one reservation and may have been billed too.
    pub(super) fn charge(&self, spent: Spent) {
        self.lock().spent += spent;
    }

    fn try_reserve(self: &Arc<Self>, bound: Bound) -> Attempt {
        let mut state = self.lock();
        let mut alone = state.spent;
        alone += bound.as_spent();
        let mut with_others = alone;
        with_others += state.reserved;
        if let Some(limit) = self.allowance.exceeded_by(&alone) {
            return Attempt::Never(limit);
        }
        if state.in_flight > 0 && self.allowance.exceeded_by(&with_others).is_some() {
            return Attempt::Later;
        }
        state.reserved += bound.as_spent();
        state.in_flight += 1;
        Attempt::Reserved(Reservation { budget: Arc::clone(self), bound, open: true })
    }

    fn release(&self, bound: Bound, paid: Spent) {
        let mut state = self.lock();
        let State { spent, reserved, in_flight } = &mut *state;
        *spent += paid;
        *in_flight -= 1;
        reserved.calls -= 1;
        reserved.usage.input_tokens -= bound.usage.input_tokens;
        reserved.usage.output_tokens -= bound.usage.output_tokens;
        reserved.usd = reserved.usd.saturating_sub(bound.usd);
        drop(state);
        self.settled.notify_waiters();
    }

    fn exhausted(&self, limit: Limit) -> Error {
        let Allowance { calls, tokens, usd } = self.allowance;
        let spent = self.spent();
        let (name, allowed, gone) = match limit {
            Limit::Calls => ("calls", calls.unwrap_or_default().to_string(), spent.calls.to_string()),
            Limit::Tokens => {
                ("tokens", tokens.unwrap_or_default().to_string(), spent.usage.total().to_string())
            }
            _ => ("usd", usd.unwrap_or_default().to_string(), spent.usd.to_string()),
        };
        let (kind, of, remedy) = match self.owner {
            Owner::Run => (
                ErrorKind::Budget(limit),
                "the budget",
                "; raise it under [budget] and continue with `resume`",
            ),
            Owner::Rollout => (ErrorKind::Limit(limit), "the limit of a rollout", ""),
        };
        Error::new(
            kind,
            format!("{of}, {allowed} {name}, leaves no room for another call ({gone} spent){remedy}"),
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Attempt {
    Reserved(Reservation),
    Later,
    Never(Limit),
}

/// What is set aside for one call. Dropped without being settled, it is given back.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    bound: Bound,
    open: bool,
}

impl Reservation {
    /// Pays `paid` and gives the rest back.
    pub(super) fn settle(mut self, paid: Spent) {
        self.close(paid);
    }

    fn close(&mut self, paid: Spent) {
        self.open = false;
        self.budget.release(self.bound, paid);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            self.budget.release(self.bound, Spent::default());
        }
    }
}

#[cfg(test)]
mod tests;
