//! A worker's books: they ask home.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc::UnboundedSender, oneshot};

use super::wire::{Given, ToHome, line};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{
        ChatResponse,
        endpoint::{Wait, Waits},
    },
    rollout::{
        Key, ModelTable, PricedModel,
        call::{Answer, Away, Prepared, Scope},
        record::hexadecimal,
    },
};

/// The way home.
#[derive(Debug)]
pub(super) struct Link {
    out: UnboundedSender<String>,
    bounded: bool,
    /// Names of models by their addresses in the table that is kept beside them.
    names: HashMap<usize, String>,
    _models: ModelTable,
    open: Mutex<HashMap<u64, Open>>,
    next: AtomicU64,
}

/// A question that home has not answered yet.
#[derive(Debug)]
struct Open {
    done: oneshot::Sender<Result<Option<Given>>>,
    waits: Waits,
    wait: Option<Wait>,
}

impl Link {
    pub(super) fn new(models: &ModelTable, bounded: bool, out: UnboundedSender<String>) -> Self {
        let names = models.iter().map(|(name, model)| (Arc::as_ptr(model).addr(), name.to_owned())).collect();
        let (open, next) = Default::default();
        Self { out, bounded, names, _models: models.clone(), open, next }
    }

    /// Tells home.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when nobody listens there any more.
    pub(super) fn say(&self, message: &ToHome) -> Result<()> {
        self.out.send(line(message)?).map_err(|_| gone())
    }

    /// Takes home's answer to the question of this number.
    pub(super) fn settle(&self, id: u64, result: Result<Option<Given>>) {
        let open = self.lock().remove(&id);
        // The rollout may have been cut in the meantime.
        open.map(|open| open.done.send(result).ok());
    }

    /// Whether the call of this number waits for a free place at its endpoint.
    pub(super) fn waiting(&self, id: u64, on: bool) {
        if let Some(open) = self.lock().get_mut(&id) {
            open.wait = on.then(|| open.waits.begin());
        }
    }

    async fn ask(&self, waits: Waits, message: impl FnOnce(u64) -> ToHome) -> Result<Option<Given>> {
        let (done, answer) = oneshot::channel();
        let asked = Asked { link: self, id: self.next.fetch_add(1, Relaxed) };
        self.lock().insert(asked.id, Open { done, waits, wait: None });
        self.say(&message(asked.id))?;
        answer.await.map_err(|_| gone())?
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is asked until this is dropped.
struct Asked<'a> {
    link: &'a Link,
    id: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.link.lock().remove(&self.id).is_some() {
            // Nobody is there to be told: then there is nothing to tell.
            self.link.say(&ToHome::Drop { id: self.id }).ok();
        }
    }
}

impl Away for Link {
    fn are_bounded(&self) -> bool {
        self.bounded
    }

    fn answer<'a, 'r: 'a>(
        &'a self,
        key: Key,
        prepared: &'a Prepared<'r>,
        model: &'a Arc<PricedModel>,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            let (key, request) = (hexadecimal::text(&key), Box::new(prepared.request().clone()));
            let name = self.names.get(&Arc::as_ptr(model).addr());
            let model = name.ok_or_else(|| unanswered("the model is not of this run"))?.clone();
            let ask = |id| ToHome::Ask { id, model, key, request };
            let given = self.ask(scope.waits().clone(), ask).await?;
            let Given { response, cached } = given.ok_or_else(|| unanswered("home gave no answer"))?;
            Ok(Answer { response: Arc::new(response), cached })
        })
    }

    fn answered(&self, key: Key) -> BoxFuture<'_, Result<Option<ChatResponse>>> {
        Box::pin(async move {
            let key = hexadecimal::text(&key);
            let given = self.ask(Waits::default(), |id| ToHome::Recall { id, key }).await?;
            Ok(given.map(|given| given.response))
        })
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Cancelled, "home is gone")
}

fn unanswered(why: &str) -> Error {
    Error::new(ErrorKind::Other, format!("a call cannot be answered: {why}; this is a bug"))
}
