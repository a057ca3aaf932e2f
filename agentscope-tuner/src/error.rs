//! The one error type of the crate: an opaque struct with a kind.
//!
//! A message says only its own layer; what lies beneath is [`source`](std::error::Error::source). Print the
//! whole chain with [`Error::chain`].

use std::{error::Error as StdError, fmt, time::Duration};

/// What any layer may wrap: the error types of users and of other crates.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// A result whose error is [`Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that went wrong, with its [`kind`](Error::kind) and its cause.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
}

/// Which layer failed, and so who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command line or an argument of a call is wrong.
    Usage,
    /// `tuner.toml` or a typed setting is wrong.
    Config,
    /// The registered components do not fit together.
    Registry,
    /// A dataset is missing or malformed.
    Dataset,
    /// A row does not fit the task type of the workflow.
    Task,
    /// A model endpoint failed.
    Model(ModelFailure),
    /// A tool failed or was called with arguments that do not fit.
    Tool,
    /// The user's workflow returned an error or panicked.
    Workflow,
    /// The user's judge returned an error, panicked, or gave a reward that is not a finite number.
    Judge,
    /// A limit of the rollout was reached.
    Limit(Limit),
    /// The budget of the whole run is spent.
    Budget(Limit),
    /// The run was interrupted.
    Cancelled,
    /// The operating system refused.
    Io,
    /// The run store is damaged, locked or from another version.
    Store,
    /// Anything else, most often an error of the user's own code.
    Other,
}

/// How a model endpoint failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelFailure {
    /// No connection, or it broke before an answer began.
    Connect,
    /// No answer in time; the call may have been billed.
    Timeout,
    /// HTTP 429, or a quota message.
    RateLimited,
    /// HTTP 401 or 403.
    Auth,
    /// HTTP 5xx, or overloaded.
    Server,
    /// Any other refusal of the request, HTTP 400 and 404 among them.
    Request,
    /// The answer is not what the protocol says (cut JSON, no choice); it may have been billed.
    Protocol,
    /// The provider's safety filter refused to answer.
    Refused,
}

impl ModelFailure {
    /// Whether the same request may succeed later.
    pub fn is_transient(self) -> bool {
        use ModelFailure::*;
        matches!(self, Connect | Timeout | RateLimited | Server | Protocol)
    }

    /// Whether the provider may have counted tokens although no answer arrived.
    pub fn may_be_billed(self) -> bool {
        matches!(self, ModelFailure::Timeout | ModelFailure::Protocol)
    }
}

/// Which bound was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Limit {
    /// Wall time.
    Time,
    /// Number of model calls.
    Calls,
    /// Tokens, input and output together.
    Tokens,
    /// Money.
    Usd,
    /// Turns of an agent.
    Turns,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), retry_after: None, source: None }))
    }

    /// Wraps the user's own error, keeping it as the cause.
    pub fn other(source: impl Into<BoxError>) -> Self {
        let source = source.into();
        match source.downcast::<Self>() {
            Ok(own) => *own,
            Err(source) => Self::new(ErrorKind::Other, source.to_string()).with_source_below(source),
        }
    }

    /// The same error with `source` as its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with the time after which the endpoint asked to be called again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.0.retry_after = after;
        self
    }

    /// Which layer failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// When the endpoint asked to be called again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The messages of the whole chain, joined by `: `.
    pub fn chain(&self) -> String {
        let mut text = self.0.message.clone();
        let mut next = self.source();
        while let Some(cause) = next {
            let cause_text = cause.to_string();
            // Some crates repeat their cause in their own message.
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            next = cause.source();
        }
        text
    }

    /// The first error of this crate in the chain of `error` that is not merely [`ErrorKind::Other`].
    ///
    /// Users wrap a failing model call in error types of their own; this finds it again, so that a broken
    /// endpoint is not counted against the agent.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(current) = next {
            if let Some(own) = current.downcast_ref::<Self>()
                && own.kind() != ErrorKind::Other
            {
                return Some(own);
            }
            next = current.source();
        }
        None
    }

    /// `source` is already what the message says, so only its own causes are kept below it.
    fn with_source_below(mut self, source: BoxError) -> Self {
        if source.source().is_some() || source.is::<std::io::Error>() {
            self.0.source = Some(source);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.chain())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// So that `?` works on the errors that workflows meet most.
macro_rules! from_std {
    ($($source:ty => $kind:ident),* $(,)?) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self::new(ErrorKind::$kind, source.to_string())
            }
        }
    )*};
}

from_std! {
    std::io::Error => Io,
    std::num::ParseFloatError => Other,
    std::num::ParseIntError => Other,
    std::string::FromUtf8Error => Other,
    std::str::Utf8Error => Other,
    serde_json::Error => Other,
    tokio::task::JoinError => Other,
}

impl From<BoxError> for Error {
    fn from(source: BoxError) -> Self {
        Self::other(source)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::new(ErrorKind::Other, message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::new(ErrorKind::Other, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_joins_the_layers_once() {
        let io = std::io::Error::other("disk full");
        let error = Error::new(ErrorKind::Store, "cannot commit").with_source(io);
        assert_eq!(error.chain(), "cannot commit: disk full");
    }

    #[test]
    fn a_model_failure_is_found_below_a_users_error() {
        #[derive(Debug)]
        struct Mine(Error);
        impl fmt::Display for Mine {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("my agent gave up")
            }
        }
        impl StdError for Mine {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let kind = ErrorKind::Model(ModelFailure::RateLimited);
        let boxed: BoxError = Box::new(Mine(Error::new(kind, "429")));
        assert_eq!(Error::find(&*boxed).map(Error::kind), Some(kind));
        assert!(Error::find(&std::io::Error::other("x")).is_none());
    }

    #[test]
    fn other_keeps_an_error_of_this_crate_as_it_is() {
        let boxed: BoxError = Box::new(Error::new(ErrorKind::Tool, "no such tool"));
        assert_eq!(Error::other(boxed).kind(), ErrorKind::Tool);
    }
}
