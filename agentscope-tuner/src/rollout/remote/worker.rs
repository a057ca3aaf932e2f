//! The other end: runs what home hands out.

use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::{
    sync::mpsc::{Receiver, UnboundedSender},
    task::{AbortHandle, JoinSet},
};

use super::{
    errand::Errand,
    link::Link,
    wire::{Outcome, Setup, ToHome, ToWorker},
};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::Result,
    judge::Jury,
    rollout::{
        Key, ModelTable, Record, RolloutLimits,
        call::Books,
        desk::{Execute as _, Ready, panicked},
        execute::{Bindings, Stage},
    },
    workflow::{Access, WorkflowEntry},
};

/// How often a worker says that it is alive.
const BEAT: Duration = Duration::from_secs(5);

/// What a worker's rollouts are made of.
#[derive(Debug)]
pub(crate) struct Trade {
    pub(crate) workflow: WorkflowEntry,
    pub(crate) judge: Option<Jury>,
    pub(crate) slots: BTreeMap<SlotPath, SlotValue>,
    pub(crate) seed: u64,
    pub(crate) limits: RolloutLimits,
    pub(crate) access: Arc<dyn Access>,
}

/// What is under way, by home's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Duty {
    Rollout(u64),
    #[cfg(feature = "embedded")]
    Answer(u64),
}

/// Runs rollouts for home.
#[derive(Debug)]
pub(crate) struct Worker {
    stage: Arc<Stage>,
    slots: BTreeMap<SlotPath, SlotValue>,
    models: ModelTable,
    link: Arc<Link>,
    bound: HashMap<Key, Arc<Bindings>>,
    under_way: HashMap<Duty, AbortHandle>,
    #[cfg(feature = "embedded")]
    decoder: Arc<super::decode::Decoder>,
}

impl Worker {
    /// A worker that says lines to `out`.
    pub(crate) fn new(trade: Trade, setup: Setup, out: UnboundedSender<String>) -> Self {
        let Trade { workflow, judge, slots, seed, limits, access } = trade;
        let models = setup
            .models
            .into_iter()
            .fold(ModelTable::default(), |table, (name, described)| table.with(name, described.priced()));
        let link = Arc::new(Link::new(&models, setup.bounded, out));
        let books = Books::Home(Arc::clone(&link) as _);
        let stage = Arc::new(Stage { workflow, judge, seed, limits, books, access: Some(access) });
        let (bound, under_way) = Default::default();
        Self {
            stage,
            slots,
            models,
            link,
            bound,
            under_way,
            #[cfg(feature = "embedded")]
            decoder: Arc::default(),
        }
    }

    /// Runs rollouts until home says no more; what is under way then is dropped, since nobody wants it.
    ///
    /// # Errors
    /// [`ErrorKind::Other`] for a line that home cannot have said.
    pub(crate) async fn serve(mut self, mut lines: Receiver<impl AsRef<[u8]>>) -> Result<()> {
        self.link.say(&ToHome::Ready)?;
        let mut running = JoinSet::new();
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    None => return Ok(()),
                    Some(line) => self.hear(line.as_ref(), &mut running)?,
                },
                Some(ended) = running.join_next() => {
                    ended.ok().and_then(|duty| self.under_way.remove(&duty));
                }
                _ = beat.tick() => self.link.say(&ToHome::Beat)?,
            }
        }
    }

    fn hear(&mut self, line: &[u8], running: &mut JoinSet<Duty>) -> Result<()> {
        match ToWorker::read(line)? {
            ToWorker::Setup(_) => {}
            ToWorker::Rollout { id, jobs } => self.begin(id, jobs, running)?,
            ToWorker::Answer { id, result } => self.link.settle(id, result.into()),
            ToWorker::Waiting { id, on } => self.link.waiting(id, on),
            #[cfg(feature = "embedded")]
            ToWorker::Weights { name, directory } => self.decoder.arrived(name, directory),
            #[cfg(feature = "embedded")]
            ToWorker::Generate { id, weights, request } => self.generate(id, weights, request, running),
            #[cfg(feature = "embedded")]
            ToWorker::Cease { id } => {
                self.under_way.remove(&Duty::Answer(id)).inspect(AbortHandle::abort);
            }
            ToWorker::Drop { id } => {
                self.under_way.remove(&Duty::Rollout(id)).inspect(AbortHandle::abort);
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: u64, jobs: Vec<Errand>, running: &mut JoinSet<Duty>) -> Result<()> {
        let bundle = match jobs.into_iter().map(|errand| self.ready(errand)).collect::<Result<Vec<_>>>() {
            Ok(bundle) => bundle,
            Err(error) => return self.link.say(&ToHome::Records { id, result: Err(error).into() }),
        };
        let (stage, link) = (Arc::clone(&self.stage), Arc::clone(&self.link));
        let task = running.spawn(async move {
            let result = run(&stage, &bundle).await;
            // Nobody listens any more: then this process ends, too.
            link.say(&ToHome::Records { id, result: Outcome::from(result) }).ok();
            Duty::Rollout(id)
        });
        self.under_way.insert(Duty::Rollout(id), task);
        Ok(())
    }

    /// Lets an embedded model of this worker answer.
    #[cfg(feature = "embedded")]
    fn generate(
        &mut self,
        id: u64,
        weights: super::policies::Weights,
        request: Box<crate::model::ChatRequest>,
        running: &mut JoinSet<Duty>,
    ) {
        let (decoder, link) = (Arc::clone(&self.decoder), Arc::clone(&self.link));
        let task = running.spawn(async move {
            let result = decoder.answer(&weights, &request).await.map(Box::new);
            link.say(&ToHome::Generated { id, weights, result: result.into() }).ok();
            Duty::Answer(id)
        });
        self.under_way.insert(Duty::Answer(id), task);
    }

    fn ready(&mut self, errand: Errand) -> Result<Ready> {
        let job = errand.job();
        let bindings = self.bind(&job.candidate)?;
        Ok(Ready { place: 0, key: Key::default(), job, bindings })
    }

    fn bind(&mut self, candidate: &Candidate) -> Result<Arc<Bindings>> {
        let hash = candidate.hash();
        if let Some(bindings) = self.bound.get(&hash) {
            return Ok(Arc::clone(bindings));
        }
        let bindings = Arc::new(self.stage.bind(candidate, &self.slots, &self.models)?);
        self.bound.insert(hash, Arc::clone(&bindings));
        Ok(bindings)
    }
}

async fn run(stage: &Stage, bundle: &[Ready]) -> Result<Vec<Record>> {
    // The user's code is guarded where it is called; this is for mistakes of our own.
    let records = AssertUnwindSafe(stage.execute(bundle)).catch_unwind().await;
    records.unwrap_or_else(|panic| Err(panicked(&*panic)))
}
