//! The thread that writes: takes what has piled up, commits it as one group.

use std::{
    fmt::{self, Write as _},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use rusqlite::{CachedStatement, Connection, Transaction, params};
use tokio::sync::oneshot;

use super::{
    CallRow, Key,
    queue::{Group, Queue},
    store_error,
};
use crate::{
    error::{Error, ErrorKind, Result},
    workflow::Spent,
};

#[derive(Debug)]
pub(super) enum Write {
    Meta {
        key: String,
        value: String,
    },
    Candidate {
        hash: Key,
        json: String,
    },
    Call(CallRow<Text>),
    Charge {
        model: String,
        spent: Spent,
    },
    Rollout {
        key: Key,
        status: &'static str,
        reward: Option<f64>,
        json: Text,
    },
    Metrics {
        step: u64,
        values: Vec<(String, f64)>,
    },
    /// Answered once everything before it is committed.
    Flush(oneshot::Sender<Result<()>>),
}

/// Where a text is among those of its group.
pub(super) type Text = Range<usize>;

/// Adds `text` to those of a group.
pub(super) fn noted(texts: &mut String, text: impl fmt::Display) -> Text {
    let start = texts.len();
    // A string takes whatever is written to it.
    _ = write!(texts, "{text}");
    start..texts.len()
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Queue<Write>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let queue = Arc::new(Queue::default());
        let writes = Closing(Arc::clone(&queue));
        let thread = thread::Builder::new()
            .name("run-store".into())
            .spawn(move || work(connection, &writes.0))
            .map_err(|error| {
                Error::new(ErrorKind::Io, "cannot start the store's thread").with_source(error)
            })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn send(&self, write: Write) -> Result<()> {
        let urgent = matches!(write, Write::Flush(_));
        if self.queue.push(urgent, |_| write) { Ok(()) } else { Err(gone()) }
    }

    /// Sends the write that `make` makes, its texts [noted](noted) among those of its group.
    pub(super) fn send_texts(&self, make: impl FnOnce(&mut String) -> Write) -> Result<()> {
        if self.queue.push(false, make) { Ok(()) } else { Err(gone()) }
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
        self.queue.close();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the run store's thread panicked");
        }
    }
}

/// Closes the queue when the thread ends, also by a panic: nobody may wait for a flush that never comes.
struct Closing(Arc<Queue<Write>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
        self.0.clear();
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Store, "the run store is closed")
}

/// Runs until the queue is closed. After a failed commit nothing more is written, and every later flush answers with
/// that failure.
fn work(mut connection: Connection, writes: &Queue<Write>) {
    let mut failure: Option<String> = None;
    let mut done = Group::default();
    while let Some(mut group) = writes.next_group(done) {
        let is_flush = |write: &mut Write| matches!(write, Write::Flush(_));
        let flushes: Vec<_> = group.items.extract_if(.., is_flush).collect();
        if failure.is_none()
            && let Err(error) = commit(&mut connection, &group)
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
        done = group;
    }
}

fn commit(connection: &mut Connection, group: &Group<Write>) -> Result<()> {
    if group.items.is_empty() {
        return Ok(());
    }
    write_group(connection, group).map_err(|error| {
        let doing = "write to the run store (is the disk full? free space, then continue with `resume`)";
        store_error(doing, error)
    })
}

fn write_group(connection: &mut Connection, group: &Group<Write>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut frequent = Frequent::of(&transaction)?;
    for write in &group.items {
        apply(&transaction, &mut frequent, write, &group.text)?;
    }
    drop(frequent);
    transaction.commit()
}

/// What nearly each item of a group needs, looked up once a group.
struct Frequent<'a> {
    call: CachedStatement<'a>,
    rollout: CachedStatement<'a>,
}

impl<'a> Frequent<'a> {
    fn of(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        let call = "INSERT OR IGNORE INTO call VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let rollout = "INSERT INTO rollout VALUES (?1, ?2, ?3, ?4)";
        Ok(Self { call: transaction.prepare_cached(call)?, rollout: transaction.prepare_cached(rollout)? })
    }
}

fn apply(
    transaction: &Transaction<'_>,
    frequent: &mut Frequent<'_>,
    write: &Write,
    texts: &str,
) -> rusqlite::Result<()> {
    match write {
        Write::Meta { key, value } => {
            let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
            transaction.prepare_cached(sql)?.execute(params![key, value])?;
        }
        Write::Candidate { hash, json } => {
            let sql = "INSERT INTO candidate VALUES (?1, ?2) ON CONFLICT DO UPDATE SET json = excluded.json";
            transaction.prepare_cached(sql)?.execute(params![hash, json])?;
        }
        Write::Call(call) => apply_call(&mut frequent.call, call, texts)?,
        Write::Charge { model, spent } => {
            let sql = "INSERT INTO charge VALUES (?1, ?2, ?3, ?4)";
            let usd = spent.known_usd().map(|usd| usd.picodollars());
            let row = params![model, spent.usage.input_tokens, spent.usage.output_tokens, usd];
            transaction.prepare_cached(sql)?.execute(row)?;
        }
        Write::Rollout { key, status, reward, json } => {
            frequent.rollout.execute(params![key, status, reward, &texts[json.clone()]])?;
        }
        Write::Metrics { step, values } => {
            let mut statement =
                transaction.prepare_cached("INSERT OR REPLACE INTO metric VALUES (?1, ?2, ?3)")?;
            for (name, value) in values {
                statement.execute(params![step, name, Some(*value).filter(|value| value.is_finite())])?;
            }
        }
        Write::Flush(_) => {}
    }
    Ok(())
}

fn apply_call(
    statement: &mut CachedStatement<'_>,
    call: &CallRow<Text>,
    texts: &str,
) -> rusqlite::Result<()> {
    let told = call.spent.usage.total() > 0 || call.spent.unpriced_calls == 0;
    let usage = told.then_some(call.spent.usage);
    let usd = call.spent.known_usd().map(|usd| usd.picodollars());
    statement.execute(params![
        call.key,
        &texts[call.model.clone()],
        &texts[call.request.clone()],
        &texts[call.response.clone()],
        usage.map(|usage| usage.input_tokens),
        usage.map(|usage| usage.output_tokens),
        usd,
    ])?;
    Ok(())
}
