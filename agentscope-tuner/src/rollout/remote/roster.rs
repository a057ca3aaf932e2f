//! Who works on what: rollouts wait, are handed out, come back, or are handed out again.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use tokio::{sync::oneshot, task::AbortHandle, time::Instant};

#[cfg(feature = "embedded")]
use super::delegate::Wanted;
use super::wire::Fault;
use crate::{error::Result, rollout::Record};

/// So many workers may die under a rollout before it is given up: perhaps it is what kills them.
pub(super) const MOST_LOSSES: u32 = 4;
/// So many workers in a row may die before they could do anything.
const MOST_FAILED_STARTS: u32 = 4;

/// How an order ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As the worker said.
    Said(Result<Vec<Record>>),
    /// Too many workers died under it; why the last one did.
    Lost(String),
}

/// Rollouts that are judged together, to be run.
#[derive(Debug)]
struct Order {
    line: String,
    done: oneshot::Sender<Ended>,
    worker: Option<u64>,
    losses: u32,
}

#[derive(Debug)]
struct Member {
    /// Once it said so.
    ready: bool,
    /// Orders that it works on.
    busy: BTreeSet<u64>,
    /// Questions of it that are being answered.
    asks: HashMap<u64, AbortHandle>,
    heard: Instant,
    /// Answers of its embedded models that are waited for.
    #[cfg(feature = "embedded")]
    wanted: HashMap<u64, Wanted>,
}

/// The books of a crew. Numbers of orders and workers are never used twice.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: BTreeMap<u64, Member>,
    gone: BTreeSet<u64>,
    orders: HashMap<u64, Order>,
    waiting: VecDeque<u64>,
    /// Most orders that a worker has at once.
    room: usize,
    next: u64,
    failed_starts: u32,
    over: Option<Fault>,
}

impl Roster {
    pub(super) fn new(room: usize) -> Self {
        Self { room: room.max(1), ..Self::default() }
    }

    /// Takes an order; `write` makes its line, in which its number stands.
    ///
    /// # Errors
    /// Why nothing is run any more.
    pub(super) fn put(
        &mut self,
        write: impl FnOnce(u64) -> Result<String>,
    ) -> Result<(u64, oneshot::Receiver<Ended>)> {
        if let Some(over) = &self.over {
            return Err(over.clone().into());
        }
        let id = self.next;
        let line = write(id)?;
        let (done, ended) = oneshot::channel();
        self.next += 1;
        self.orders.insert(id, Order { line, done, worker: None, losses: 0 });
        self.waiting.push_back(id);
        Ok((id, ended))
    }

    /// The next order to hand out, and to whom: the worker with the fewest.
    pub(super) fn hand_out(&mut self) -> Option<(u64, String)> {
        let free = |member: &Member| member.ready && member.busy.len() < self.room;
        let least = self.members.iter_mut().filter(|(_, member)| free(member));
        let (worker, member) = least.min_by_key(|(_, member)| member.busy.len())?;
        loop {
            let id = self.waiting.pop_front()?;
            // It may have been called off while it waited.
            let Some(order) = self.orders.get_mut(&id) else { continue };
            order.worker = Some(*worker);
            member.busy.insert(id);
            return Some((*worker, order.line.clone()));
        }
    }

    /// A worker was started.
    pub(super) fn join(&mut self, worker: u64) {
        let (busy, asks) = Default::default();
        let member = Member {
            ready: false,
            busy,
            asks,
            heard: Instant::now(),
            #[cfg(feature = "embedded")]
            wanted: HashMap::new(),
        };
        self.members.insert(worker, member);
    }

    /// A worker says that it can work.
    pub(super) fn ready(&mut self, worker: u64) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.ready = true;
            self.failed_starts = 0;
        }
    }

    /// A worker said something; whether it is one that counts.
    pub(super) fn heard(&mut self, worker: u64) -> bool {
        let member = self.members.get_mut(&worker);
        member.map(|member| member.heard = Instant::now()).is_some()
    }

    /// Workers that said nothing for longer than `silence`.
    pub(super) fn silent(&self, silence: Duration) -> Vec<u64> {
        let silent = |(_, member): &(&u64, &Member)| member.heard.elapsed() > silence;
        self.members.iter().filter(silent).map(|(worker, _)| *worker).collect()
    }

    /// How many workers can work.
    pub(super) fn strength(&self) -> usize {
        self.members.values().filter(|member| member.ready).count()
    }

    /// Takes the result of an order, once, and only from the worker that has it.
    pub(super) fn finish(&mut self, worker: u64, id: u64, result: Result<Vec<Record>>) {
        let Some(member) = self.members.get_mut(&worker) else { return };
        if !member.busy.remove(&id) {
            return;
        }
        if let Some(order) = self.orders.remove(&id) {
            // Nobody waits for it: the run is being stopped.
            order.done.send(Ended::Said(result)).ok();
        }
    }

    /// Calls an order off; who has it.
    pub(super) fn call_off(&mut self, id: u64) -> Option<u64> {
        let worker = self.orders.remove(&id)?.worker?;
        self.members.get_mut(&worker)?.busy.remove(&id).then_some(worker)
    }

    /// A worker is gone: what it had is handed out again.
    pub(super) fn lose(&mut self, worker: u64, why: &str) {
        // Whoever is said to be gone twice is gone once.
        if !self.gone.insert(worker) {
            return;
        }
        let Some(member) = self.members.remove(&worker) else {
            self.failed_starts += 1;
            return;
        };
        self.failed_starts += u32::from(!member.ready);
        // The oldest comes first again.
        for id in member.busy.into_iter().rev() {
            let Some(order) = self.orders.get_mut(&id) else { continue };
            (order.worker, order.losses) = (None, order.losses + 1);
            if order.losses < MOST_LOSSES {
                self.waiting.push_front(id);
            } else if let Some(order) = self.orders.remove(&id) {
                order.done.send(Ended::Lost(why.to_owned())).ok();
            }
        }
    }

    /// Whether workers only ever die.
    pub(super) fn is_hopeless(&self) -> bool {
        self.failed_starts >= MOST_FAILED_STARTS && self.strength() == 0
    }

    /// Why nothing is run any more.
    pub(super) fn over(&self) -> Option<&Fault> {
        self.over.as_ref()
    }

    /// Nothing is run any more: whoever waits is told why.
    pub(super) fn close(&mut self, why: &Fault) {
        self.over.get_or_insert_with(|| why.clone());
        for (_, order) in self.orders.drain() {
            order.done.send(Ended::Said(Err(why.clone().into()))).ok();
        }
        self.members.clear();
        self.waiting.clear();
    }

    /// Notes that an answer of `worker` is waited for; its number, if the worker is still there.
    #[cfg(feature = "embedded")]
    pub(super) fn want(&mut self, worker: u64, wanted: Wanted) -> Option<u64> {
        let id = self.next;
        self.members.get_mut(&worker)?.wanted.insert(id, wanted);
        self.next += 1;
        Some(id)
    }

    /// Forgets an answer that was waited for; who waited, if somebody still did.
    #[cfg(feature = "embedded")]
    pub(super) fn wanted(&mut self, worker: u64, id: u64) -> Option<Wanted> {
        self.members.get_mut(&worker)?.wanted.remove(&id)
    }

    /// Notes that a question of `worker` is being answered.
    pub(super) fn asked(&mut self, worker: u64, id: u64, task: AbortHandle) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.asks.insert(id, task);
        }
    }

    /// Forgets a question of `worker`; what answered it, if it was open.
    pub(super) fn settled(&mut self, worker: u64, id: u64) -> Option<AbortHandle> {
        self.members.get_mut(&worker)?.asks.remove(&id)
    }
}
