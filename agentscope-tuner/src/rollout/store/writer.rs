//! The thread that writes: takes what has piled up, commits it as one group.

use std::{
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Transaction, params};
use tokio::sync::oneshot;

use super::{CallRow, Key, store_error};
use crate::{
    error::{Error, ErrorKind, Result},
    workflow::Spent,
};

/// Most writes in one commit, and how long it waits for more of them: bounds what a kill can take.
const GROUP: usize = 1024;
const GATHER: Duration = Duration::from_millis(5);

pub(super) enum Write {
    Meta {
        key: String,
        value: String,
    },
    Candidate {
        hash: Key,
        json: String,
    },
    Call(Box<CallRow>),
    Charge {
        model: String,
        spent: Spent,
    },
    Rollout {
        key: Key,
        status: &'static str,
        reward: Option<f64>,
        json: String,
    },
    /// Answered once everything before it is committed.
    Flush(oneshot::Sender<Result<()>>),
}

#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once dropping has begun.
    queue: Option<Sender<Write>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let (queue, writes) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("run-store".into())
            .spawn(move || work(connection, &writes))
            .map_err(|error| {
                Error::new(ErrorKind::Io, "cannot start the store's thread").with_source(error)
            })?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn send(&self, write: Write) -> Result<()> {
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(write).map_err(|_| gone())
    }

    pub(super) async fn flush(&self) -> Result<()> {
        let (done, wait) = oneshot::channel();
        self.send(Write::Flush(done))?;
        wait.await.map_err(|_| gone())?
    }

    pub(super) fn flush_blocking(&self) -> Result<()> {
        let (done, wait) = oneshot::channel();
        self.send(Write::Flush(done))?;
        wait.blocking_recv().map_err(|_| gone())?
    }
}

impl Drop for Writer {
    /// What was put is committed before the store is gone.
    fn drop(&mut self) {
        self.queue = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the run store's thread panicked");
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Store, "the run store is closed")
}

/// Runs until the last sender is gone. After a failed commit nothing more is written, and every later flush
/// answers with that failure.
fn work(mut connection: Connection, writes: &Receiver<Write>) {
    let mut failure: Option<String> = None;
    while let Ok(first) = writes.recv() {
        let group = gather(first, writes);
        let (flushes, group): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|write| matches!(write, Write::Flush(_)));
        if failure.is_none()
            && let Err(error) = commit(&mut connection, group)
        {
            tracing::error!(error = error.chain(), "the run store cannot be written");
            failure = Some(error.chain());
        }
        for write in flushes {
            if let Write::Flush(done) = write {
                let result = failure.clone().map_or(Ok(()), |why| Err(Error::new(ErrorKind::Store, why)));
                // Nobody waits any more: nothing to tell.
                drop(done.send(result));
            }
        }
    }
}

/// `first` and what follows it within a moment. A flush is not kept waiting.
fn gather(first: Write, writes: &Receiver<Write>) -> Vec<Write> {
    let end = Instant::now() + GATHER;
    let mut group = vec![first];
    while group.len() < GROUP && !matches!(group.last(), Some(Write::Flush(_))) {
        match writes.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(write) => group.push(write),
            Err(_) => break,
        }
    }
    group
}

fn commit(connection: &mut Connection, group: Vec<Write>) -> Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    write_group(connection, group).map_err(|error| {
        let doing = "write to the run store (is the disk full? free space, then continue with `resume`)";
        store_error(doing, error)
    })
}

fn write_group(connection: &mut Connection, group: Vec<Write>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for write in group {
        apply(&transaction, write)?;
    }
    transaction.commit()
}

fn apply(transaction: &Transaction<'_>, write: Write) -> rusqlite::Result<()> {
    match write {
        Write::Meta { key, value } => {
            let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
            transaction.prepare_cached(sql)?.execute(params![key, value])?;
        }
        Write::Candidate { hash, json } => {
            let sql = "INSERT INTO candidate VALUES (?1, ?2) ON CONFLICT DO UPDATE SET json = excluded.json";
            transaction.prepare_cached(sql)?.execute(params![hash, json])?;
        }
        Write::Call(call) => apply_call(transaction, &call)?,
        Write::Charge { model, spent } => {
            let sql = "INSERT INTO charge VALUES (?1, ?2, ?3, ?4)";
            let usd = spent.known_usd().map(|usd| usd.picodollars());
            let row = params![model, spent.usage.input_tokens, spent.usage.output_tokens, usd];
            transaction.prepare_cached(sql)?.execute(row)?;
        }
        Write::Rollout { key, status, reward, json } => {
            let sql = "INSERT OR REPLACE INTO rollout VALUES (?1, ?2, ?3, ?4)";
            transaction.prepare_cached(sql)?.execute(params![key, status, reward, json])?;
        }
        Write::Flush(_) => {}
    }
    Ok(())
}

fn apply_call(transaction: &Transaction<'_>, call: &CallRow) -> rusqlite::Result<()> {
    let told = call.spent.usage.total() > 0 || call.spent.unpriced_calls == 0;
    let usage = told.then_some(call.spent.usage);
    let usd = call.spent.known_usd().map(|usd| usd.picodollars());
    let sql = "INSERT OR IGNORE INTO call VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    transaction.prepare_cached(sql)?.execute(params![
        call.key,
        call.model,
        call.request,
        call.response,
        usage.map(|usage| usage.input_tokens),
        usage.map(|usage| usage.output_tokens),
        usd,
    ])?;
    Ok(())
}
