//! The run store: one SQLite file that holds all that a run has paid for.
//!
//! A writer thread commits in groups, so a commit costs little however many rollouts end at once. Readers see
//! what is committed. Any SQLite tool can open the file:
//!
//! | table | a row is |
//! |---|---|
//! | `meta` | a fact of the run, such as its verb and configuration |
//! | `candidate` | a candidate that was run, as JSON |
//! | `call` | an answered model call: the response cache |
//! | `charge` | an attempt that failed but may have been billed |
//! | `rollout` | a finished rollout: the journal |
//! | `metric` | a number of a training step |

mod key;
mod queue;
mod read;
mod schema;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub use key::Key;
pub(super) use key::{KeyMap, key_of};
pub use read::StoredCall;
use rusqlite::Connection;
use writer::{Write, Writer, noted};

use super::Record;
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, Result},
    model::json,
    workflow::Spent,
};

/// The open store of one run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    // Closed before the writer: only a connection that may write can leave everything in one file.
    reader: Mutex<Connection>,
    /// `None` where the store is only looked at.
    writer: Option<Writer>,
}

/// An answered model call; its texts as `T`.
#[derive(Clone, Debug)]
pub(crate) struct CallRow<T> {
    pub(crate) key: Key,
    /// Display form of the model's id.
    pub(crate) model: T,
    /// The request as JSON.
    pub(crate) request: T,
    /// The response as JSON.
    pub(crate) response: T,
    pub(crate) spent: Spent,
}

impl Store {
    /// Opens the store at `path`, creating it where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when the file is not a run store, belongs to another version, or another process
    /// is writing to it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let connection = schema::open(&path)?;
        let reader = schema::open_reader(&path)?;
        let writer = Some(Writer::start(connection)?);
        Ok(Self(Arc::new(Inner { path, writer, reader: Mutex::new(reader) })))
    }

    /// Opens the store at `path` to look at it, while its run goes on or afterwards. Nothing can be put into it.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when the file is not a run store or belongs to another version.
    pub fn view(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let reader = Mutex::new(schema::open_view(&path)?);
        Ok(Self(Arc::new(Inner { path, writer: None, reader })))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Keeps a fact of the run, replacing an earlier one.
    pub fn put_meta(&self, key: &str, value: &str) -> Result<()> {
        self.writer()?.send(Write::Meta { key: key.to_owned(), value: value.to_owned() })
    }

    /// Keeps numbers of a training step, in the place of earlier ones of the same names.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when the store is closed.
    pub fn put_metrics(&self, step: u64, values: &[(String, f64)]) -> Result<()> {
        self.writer()?.send(Write::Metrics { step, values: values.to_vec() })
    }

    /// Keeps a candidate under its hash.
    pub(crate) fn put_candidate(&self, candidate: &Candidate) -> Result<()> {
        let json = serde_json::to_string(candidate).map_err(|error| {
            Error::new(ErrorKind::Store, "a candidate cannot be written as JSON").with_source(error)
        })?;
        self.writer()?.send(Write::Candidate { hash: candidate.hash(), json })
    }

    /// Keeps an answered call.
    pub(crate) fn put_call(&self, call: CallRow<&dyn fmt::Display>) -> Result<()> {
        let CallRow { key, model, request, response, spent } = call;
        self.writer()?.send_texts(|texts| {
            let [model, request, response] = [model, request, response].map(|text| noted(texts, text));
            Write::Call(CallRow { key, model, request, response, spent })
        })
    }

    /// Keeps a failed attempt that may have been billed, at its upper bound.
    pub(crate) fn put_charge(&self, model: String, spent: Spent) -> Result<()> {
        self.writer()?.send(Write::Charge { model, spent })
    }

    /// Keeps a finished rollout.
    pub(crate) fn put_rollout(&self, key: Key, record: &Record) -> Result<()> {
        let (status, reward) = (record.status.name(), record.reward);
        let put = |json: &str| {
            self.writer()?.send_texts(|texts| Write::Rollout {
                key,
                status,
                reward,
                json: noted(texts, json),
            })
        };
        json::with_text(record, put).map_err(|error| {
            Error::new(ErrorKind::Store, "a record cannot be written as JSON").with_source(error)
        })?
    }

    /// Waits until all that was put before is committed.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] with the first write that failed, such as a full disk.
    pub async fn flush(&self) -> Result<()> {
        self.writer()?.flush().await
    }

    /// As [`flush`](Self::flush), for code outside an async runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn flush_blocking(&self) -> Result<()> {
        self.writer()?.flush_blocking()
    }

    fn writer(&self) -> Result<&Writer> {
        self.0.writer.as_ref().ok_or_else(|| {
            let message = format!("{} was opened to be looked at, not to be written", self.0.path.display());
            Error::new(ErrorKind::Store, message)
        })
    }
}

/// An error of SQLite, with what was being done.
fn store_error(doing: &str, error: rusqlite::Error) -> Error {
    Error::new(ErrorKind::Store, format!("cannot {doing}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_sees_what_is_kept_and_puts_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.sqlite");
        let store = Store::open(&path).unwrap();
        store.put_meta("verb", "eval").unwrap();
        store.flush_blocking().unwrap();
        let view = Store::view(&path).unwrap();
        assert_eq!(view.meta("verb").unwrap().as_deref(), Some("eval"));
        assert!(view.put_meta("verb", "select").unwrap_err().to_string().contains("looked at"));
        // The writer goes on, and the view sees it.
        store.put_meta("verb", "select").unwrap();
        store.flush_blocking().unwrap();
        assert_eq!(view.meta("verb").unwrap().as_deref(), Some("select"));
        drop(store);
        drop(view);
        let files: Vec<_> =
            std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files, [path], "one file is left");
    }

    #[test]
    fn a_view_makes_no_store_and_reads_no_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.sqlite");
        assert_eq!(Store::view(&path).unwrap_err().kind(), ErrorKind::Store);
        assert!(!path.exists());
        std::fs::write(&path, "no database at all, but long enough to be taken for one".repeat(20)).unwrap();
        assert_eq!(Store::view(&path).unwrap_err().kind(), ErrorKind::Store);
    }
}
