//! Workers, as the engine sees them: who runs its rollouts.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    carrier::Carrier,
    errand::{Described, Errand, fitting, unfinished},
    home::Home,
    roster::{Ended, Roster},
    wire::{Fault, Given, Outcome, PROTOCOL, Setup, ToHome, ToWorker, line},
};
#[cfg(feature = "embedded")]
use super::{delegate::Delegate, policies::Policies};
#[cfg(feature = "embedded")]
use crate::model::embedded::Embedded;
use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, endpoint::Waits},
    rollout::{
        Engine, Key, PricedModel, Record,
        desk::{Execute, Ready},
        record::hexadecimal,
    },
};

/// A worker that says nothing for so long is gone; it says something every few seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// The workers of a run.
#[derive(Debug)]
pub(crate) struct Crew {
    home: Home,
    pub(super) carrier: Arc<dyn Carrier>,
    roster: Mutex<Roster>,
    changed: Notify,
    /// Where embedded models answer on workers.
    #[cfg(feature = "embedded")]
    pub(super) policies: Option<Policies>,
}

impl Crew {
    /// A crew for the rollouts of `engine`, of which each worker has at most `room` at once. Embedded models answer on the
    /// workers where there is a directory, `weights`, in which weights are written on their way there; else at home.
    #[cfg_attr(not(feature = "embedded"), allow(unused_variables, reason = "there are no weights then"))]
    pub(crate) fn new(
        engine: &Engine,
        carrier: Arc<dyn Carrier>,
        room: usize,
        weights: Option<PathBuf>,
    ) -> Arc<Self> {
        let home = Home { ledger: Arc::clone(&engine.ledger), models: engine.models().clone() };
        let (roster, changed) = (Mutex::new(Roster::new(room)), Notify::new());
        #[cfg(feature = "embedded")]
        if weights.is_some() {
            let models = engine.models().iter().map(|(_, model)| model.model.id());
            models.filter_map(Embedded::loaded).for_each(|model| model.keep());
        }
        Arc::new(Self {
            home,
            carrier,
            roster,
            changed,
            #[cfg(feature = "embedded")]
            policies: weights.map(Policies::new),
        })
    }

    /// What every worker is told first, given the settings as text.
    pub(crate) fn setup(engine: &Engine, config: &str) -> Setup {
        let models = engine.models().iter();
        Setup {
            protocol: PROTOCOL,
            config: config.to_owned(),
            models: models.map(|(name, model)| (name.to_owned(), Described::of(model))).collect(),
            bounded: engine.allowance().needs_bounds(),
        }
    }

    /// A worker was started.
    pub(crate) fn joined(&self, worker: u64) {
        self.lock().join(worker);
    }

    /// A worker is gone: what it had is handed out again.
    pub(crate) fn lost(&self, worker: u64, why: &str) {
        tracing::warn!(worker, why, "a worker is gone; its rollouts are handed out again");
        let mut roster = self.lock();
        roster.lose(worker, why);
        let hopeless = roster.is_hopeless();
        drop(roster);
        if hopeless {
            self.close(&Error::new(ErrorKind::Other, format!("workers end before they can work: {why}")));
        }
        self.hand_out();
    }

    /// Nothing is run any more.
    pub(crate) fn close(&self, why: &Error) {
        self.lock().close(&Fault::from(why));
        self.changed.notify_waiters();
    }

    /// Hears a line of a worker.
    pub(crate) fn hear(self: &Arc<Self>, worker: u64, line: &str) {
        if !self.lock().heard(worker) {
            return;
        }
        match serde_json::from_str(line) {
            Ok(message) => self.take(worker, message),
            Err(error) => tracing::warn!(worker, %error, "a worker said what cannot be understood"),
        }
    }

    fn take(self: &Arc<Self>, worker: u64, message: ToHome) {
        match message {
            ToHome::Ready => {
                self.lock().ready(worker);
                self.changed.notify_waiters();
                self.hand_out();
            }
            ToHome::Unable(fault) => self.close(&fault.into()),
            ToHome::Records { id, result } => {
                self.lock().finish(worker, id, result.into());
                self.hand_out();
            }
            ToHome::Ask { id, model, key, request } => self.answer(worker, id, &key, Some((model, request))),
            ToHome::Recall { id, key } => self.answer(worker, id, &key, None),
            ToHome::Drop { id } => _ = self.lock().settled(worker, id).map(|task| task.abort()),
            #[cfg(feature = "embedded")]
            ToHome::Generated { id, weights, result } => self.generated(worker, id, &weights, result.into()),
            ToHome::Beat => {}
        }
    }

    /// Answers a question of `worker` in a task of its own. It goes on when the worker dies: what is paid is kept, and found
    /// when the rollout is run again.
    fn answer(self: &Arc<Self>, worker: u64, id: u64, key: &str, asked: Option<(String, Box<ChatRequest>)>) {
        let Some(key) = hexadecimal::read(key) else {
            return tracing::warn!(worker, key, "a worker asks under a key that is none");
        };
        let mut roster = self.lock();
        let task = tokio::spawn(Arc::clone(self).answered(worker, id, key, asked));
        roster.asked(worker, id, task.abort_handle());
    }

    async fn answered(
        self: Arc<Self>,
        worker: u64,
        id: u64,
        key: Key,
        asked: Option<(String, Box<ChatRequest>)>,
    ) {
        let result: Result<Option<Given>> = match asked {
            None => self.home.recall(key).await,
            Some((model, request)) => {
                let carrier = Arc::clone(&self.carrier);
                let waits = Waits::telling(move |on| {
                    send(carrier.as_ref(), worker, &ToWorker::Waiting { id, on });
                });
                match self.model(&model, worker) {
                    Ok(model) => self.home.ask(&model, key, &request, &waits).await,
                    Err(error) => Err(error),
                }
            }
        };
        if self.lock().settled(worker, id).is_some() {
            self.send(worker, &ToWorker::Answer { id, result: Outcome::from(result) });
        }
    }

    /// The model of this name, as it is called for `worker`.
    #[cfg_attr(not(feature = "embedded"), allow(unused_variables, reason = "all are called at home then"))]
    fn model(self: &Arc<Self>, name: &str, worker: u64) -> Result<Arc<PricedModel>> {
        let model = self.home.models.get(name)?;
        #[cfg(feature = "embedded")]
        if let (Some(_), Some(delegate)) = (&self.policies, Delegate::of(model, self, worker)) {
            return Ok(Arc::new(delegate));
        }
        Ok(Arc::clone(model))
    }

    fn hand_out(&self) {
        let mut roster = self.lock();
        while let Some((worker, line)) = roster.hand_out() {
            self.carrier.send(worker, line);
        }
    }

    /// Waits for the first worker that can work.
    ///
    /// # Errors
    /// Why there never is one.
    pub(crate) async fn assembled(&self) -> Result<()> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the roster is read, so that no change in between is missed.
            changed.as_mut().enable();
            {
                let roster = self.lock();
                if let Some(fault) = roster.over() {
                    return Err(fault.clone().into());
                }
                if roster.strength() > 0 {
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    /// Ends workers that do not say any more that they are alive.
    pub(crate) async fn watch(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(SILENCE / 12).await;
            let silent = self.lock().silent(SILENCE);
            for worker in silent {
                self.carrier.end(worker);
                self.lost(worker, &format!("it said nothing for {} seconds", SILENCE.as_secs()));
            }
        }
    }

    pub(super) fn send(&self, worker: u64, message: &ToWorker) {
        send(self.carrier.as_ref(), worker, message);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, bundle: &[Ready]) -> Result<Vec<Record>> {
        let write = |id| {
            let jobs = bundle.iter().map(|ready| Errand::of(&ready.job)).collect();
            line(&ToWorker::Rollout { id, jobs })
        };
        let (id, ended) = self.lock().put(write)?;
        let _call_off = Ordered { crew: self, id };
        self.hand_out();
        match ended.await {
            Ok(Ended::Said(result)) => fitting(bundle, result?),
            Ok(Ended::Lost(why)) => Ok(bundle.iter().map(|ready| unfinished(&ready.job, &why)).collect()),
            Err(_) => Err(Error::new(ErrorKind::Other, "an order was forgotten: this is a bug")),
        }
    }
}

impl Execute for Crew {
    async fn execute(&self, bundle: &[Ready]) -> Result<Vec<Record>> {
        self.run(bundle).await
    }
}

/// An order that is wanted until this is dropped.
struct Ordered<'a> {
    crew: &'a Crew,
    id: u64,
}

impl Drop for Ordered<'_> {
    fn drop(&mut self) {
        let worker = self.crew.lock().call_off(self.id);
        if let Some(worker) = worker {
            self.crew.send(worker, &ToWorker::Drop { id: self.id });
        }
    }
}

fn send(carrier: &dyn Carrier, worker: u64, message: &ToWorker) {
    match line(message) {
        Ok(line) => carrier.send(worker, line),
        Err(error) => tracing::error!(error = error.chain(), "a worker cannot be told"),
    }
}
