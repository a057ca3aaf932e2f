//! What one call costs the run: set aside before it is sent, paid once it is answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::{
    error::{Error, ErrorKind, Result},
    model::endpoint::{AttemptLog, Payer, Waits},
    rollout::{
        budget::{Bound, Budget, Reservation},
        models::PricedModel,
        store::Store,
    },
    workflow::Spent,
};

/// The account of a call under way.
#[derive(Debug)]
pub(super) struct Account {
    budget: Arc<Budget>,
    store: Store,
    model: Arc<PricedModel>,
    /// The most that an attempt costs.
    bound: Bound,
    /// What an attempt sets aside: its bound, where any limit needs one.
    aside: Bound,
    reservation: Mutex<Option<Reservation>>,
}

impl Account {
    /// Sets aside what the first attempt can cost.
    ///
    /// # Errors
    /// [`ErrorKind::Budget`] when there is not enough.
    pub(super) async fn open(
        budget: &Arc<Budget>,
        store: &Store,
        model: &Arc<PricedModel>,
        bound: Bound,
    ) -> Result<Arc<Self>> {
        let aside = if budget.allowance().needs_bounds() { bound } else { Bound::default() };
        let reservation = budget.reserve(aside).await?;
        Ok(Arc::new(Self {
            budget: Arc::clone(budget),
            store: store.clone(),
            model: Arc::clone(model),
            bound,
            aside,
            reservation: Mutex::new(Some(reservation)),
        }))
    }

    /// Pays `spent` for the answer. Tokens that the provider did not report are counted at their upper bound.
    fn settle(&self, spent: Spent, reported: bool) {
        let counted =
            if reported { spent } else { Spent { usage: self.bound.usage, usd: self.bound.usd, ..spent } };
        self.pay(counted);
    }

    /// Pays an attempt without an answer at its upper bound, and notes it.
    fn charge(&self) {
        let unpriced_calls = u64::from(self.model.price.is_none());
        let spent = Spent { unpriced_calls, ..self.bound.as_spent() };
        let model = self.model.model.id().to_string();
        if let Err(error) = self.store.put_charge(model, spent) {
            tracing::error!(error = error.chain(), "a possible charge could not be noted");
        }
        self.pay(spent);
    }

    fn pay(&self, spent: Spent) {
        let reservation = self.lock().take();
        match reservation {
            Some(reservation) => reservation.settle(spent),
            None => self.budget.charge(spent),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reservation>> {
        self.reservation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Payer for Account {
    fn another(&self) -> BoxFuture<'_, Result<()>> {
        // The old reservation goes before a new one is asked for: a call that waited for others while it held one
        // could wait for itself.
        self.charge();
        Box::pin(async move {
            let reservation = self.budget.reserve(self.aside).await?;
            *self.lock() = Some(reservation);
            Ok(())
        })
    }
}

/// A call while it is made. What was sent without an answer (time-outs, a broken connection, a rollout dropped by its
/// time limit) may have been billed: each such attempt is paid before the next one, or when this is dropped.
pub(super) struct Payment {
    account: Arc<Account>,
    log: AttemptLog,
    /// Answered, or refused at no cost.
    over: bool,
}

impl Payment {
    pub(super) fn of(account: Arc<Account>, waits: &Waits) -> Self {
        let payer = Arc::clone(&account) as Arc<dyn Payer>;
        Self { account, log: AttemptLog::new(waits.clone()).paid_by(payer), over: false }
    }

    /// Makes the call.
    pub(super) async fn watch<T>(&mut self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let result = self.log.watch(call).await;
        if let Err(error) = &result {
            self.over = !may_be_billed(error);
        }
        result
    }

    /// Pays for the answer.
    pub(super) fn settle(mut self, spent: Spent, reported: bool) {
        self.over = true;
        self.account.settle(spent, reported);
    }

    /// Whether the last attempt may have been billed without an answer.
    fn is_unanswered(&self) -> bool {
        match self.log.started() {
            // A client without retries of its own keeps no log.
            0 => !self.over,
            _ => self.log.maybe_billed() > 0,
        }
    }
}

impl Drop for Payment {
    fn drop(&mut self) {
        if self.is_unanswered() {
            self.account.charge();
        }
    }
}

fn may_be_billed(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Model(failure) if failure.may_be_billed())
}
