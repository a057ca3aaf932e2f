//! The one error type of the policy: an opaque struct with a kind.

use std::{error::Error as StdError, fmt};

/// A result whose error is [`Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that went wrong with a policy, with its [`kind`](Error::kind) and its cause.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What failed, and so what has to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `config.json`, `generation_config.json` or `adapter_config.json` is missing, malformed or unsupported.
    Config,
    /// A weight file is missing, truncated or malformed, or its tensors do not fit the configuration.
    Weights,
    /// The tokenizer or the chat template is missing, malformed, or does not fit the model.
    Tokenizer,
    /// A request cannot be served: a prompt longer than the context, a sampling setting out of range.
    Request,
    /// A number that should be finite is not.
    Numeric,
    /// The operating system refused.
    Io,
    /// The device refused: out of memory, or a kernel failed.
    Device,
}

impl Error {
    /// An error of `kind` whose message names the fault and the remedy.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same error with what lies beneath it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<dfdx::tensor::CpuError> for Error {
    fn from(error: dfdx::tensor::CpuError) -> Self {
        Self::new(ErrorKind::Device, format!("the CPU device refused: {error}"))
    }
}
