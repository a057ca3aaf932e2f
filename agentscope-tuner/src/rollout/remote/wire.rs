//! What home and workers say to each other.

use std::collections::BTreeMap;
#[cfg(feature = "embedded")]
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::errand::{Described, Errand};
#[cfg(feature = "embedded")]
use super::policies::Weights;
use crate::{
    error::{Error, ErrorKind, Result},
    model::{ChatRequest, ChatResponse},
    rollout::Record,
};

/// Raised with every change of these messages.
pub(super) const PROTOCOL: u32 = 1;

/// What home says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToWorker {
    /// First of all: what the rollouts are about.
    Setup(Box<Setup>),
    /// Run these, which are judged together.
    Rollout { id: u64, jobs: Vec<Errand> },
    /// What became of an [`Ask`](ToHome::Ask) or a [`Recall`](ToHome::Recall).
    Answer { id: u64, result: Outcome<Option<Given>> },
    /// Whether an ask waits for a free place at its endpoint: such time is not work.
    Waiting { id: u64, on: bool },
    /// Weights lie in this directory now.
    #[cfg(feature = "embedded")]
    Weights { name: String, directory: PathBuf },
    /// An embedded model is to answer, by these weights.
    #[cfg(feature = "embedded")]
    Generate { id: u64, weights: Weights, request: Box<ChatRequest> },
    /// Nobody waits for that answer any more.
    #[cfg(feature = "embedded")]
    Cease { id: u64 },
    /// Nobody wants to know about these rollouts any more.
    Drop { id: u64 },
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToHome {
    /// It can run rollouts.
    Ready,
    /// It never can.
    Unable(Fault),
    /// How rollouts ended.
    Records { id: u64, result: Outcome<Vec<Record>> },
    /// A model is to answer `request`, which is kept under `key`: 32 hexadecimal digits.
    Ask { id: u64, model: String, key: String, request: Box<ChatRequest> },
    /// What was answered under `key`?
    Recall { id: u64, key: String },
    /// What an embedded model answered, by these weights.
    #[cfg(feature = "embedded")]
    Generated { id: u64, weights: Weights, result: Outcome<Box<ChatResponse>> },
    /// Nobody waits for the answer any more.
    Drop { id: u64 },
    /// It is alive.
    Beat,
}

/// What a worker is to know before its first rollout.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) protocol: u32,
    /// The settings, as text.
    pub(crate) config: String,
    /// The models, by the names that slots know them by.
    pub(crate) models: BTreeMap<String, Described>,
    /// Whether a limit of the run needs an upper bound of what each call can use.
    pub(crate) bounded: bool,
}

/// An answer, and whether it had been paid before.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Given {
    pub(super) response: ChatResponse,
    pub(super) cached: bool,
}

/// What came of something.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome<T> {
    Done(T),
    Failed(Fault),
}

/// An error that travels.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl ToWorker {
    /// Reads a line.
    ///
    /// # Errors
    /// [`ErrorKind::Other`] when home cannot have said it.
    pub(crate) fn read(line: &[u8]) -> Result<Self> {
        serde_json::from_slice(line).map_err(|error| {
            let message = "home said what this worker does not know: is it the same program?";
            Error::new(ErrorKind::Other, message).with_source(error)
        })
    }
}

impl Setup {
    /// This, where it was written by a program that speaks as this one does.
    ///
    /// # Errors
    /// [`ErrorKind::Other`] when it was not.
    pub(crate) fn checked(self) -> Result<Self> {
        if self.protocol == PROTOCOL {
            return Ok(self);
        }
        let message = format!(
            "home speaks protocol {}, but this worker {PROTOCOL}: start the program that home runs",
            self.protocol
        );
        Err(Error::new(ErrorKind::Other, message))
    }
}

/// What a worker says that cannot work, because of `error`.
pub(crate) fn unable(error: &Error) -> String {
    line(&ToHome::Unable(error.into())).unwrap_or_default()
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        Self { kind: error.kind(), message: error.chain() }
    }
}

impl From<Fault> for Error {
    fn from(Fault { kind, message }: Fault) -> Self {
        Self::new(kind, message)
    }
}

impl<T> From<Result<T>> for Outcome<T> {
    fn from(result: Result<T>) -> Self {
        result.map_or_else(|error| Self::Failed(Fault::from(&error)), Self::Done)
    }
}

impl<T> From<Outcome<T>> for Result<T> {
    fn from(outcome: Outcome<T>) -> Self {
        match outcome {
            Outcome::Done(done) => Ok(done),
            Outcome::Failed(fault) => Err(fault.into()),
        }
    }
}

/// `message` as a line, without its end.
pub(super) fn line(message: &impl Serialize) -> Result<String> {
    serde_json::to_string(message).map_err(|error| {
        Error::new(ErrorKind::Other, "a message between home and a worker cannot be written")
            .with_source(error)
    })
}
