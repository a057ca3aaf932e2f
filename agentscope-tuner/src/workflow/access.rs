//! Models for clients of any kind and language: an address, a key, and how long they hold.

use std::{any::Any, fmt, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::{Bound, Context, SlotRole, from_context::unfilled};
use crate::{
    error::{Error, ErrorKind, Result},
    model::Model,
};

/// Whoever can put a model behind an address. The gateway does; workflows ask their [`Context`].
pub trait Access: fmt::Debug + Send + Sync {
    /// Opens an endpoint to `model`. It closes when `over` is cancelled, or its last handle is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the system refuses a port, [`ErrorKind::Usage`] outside of a Tokio runtime.
    fn open(&self, model: &Model, over: &CancellationToken) -> Result<ModelEndpoint>;
}

/// A model behind an OpenAI-compatible address on this machine: what an agent on another client, or in another language,
/// is given.
///
/// As the type of a workflow's parameter it fills the slot of its name with a model, as [`Model`] does. Each call is the
/// same as one through [`Model`]: limited, cached, paid for, traced and, for `weights`, captured token by token. The key
/// is random, belongs to this rollout, and is useless after it. The key names the model: whatever model a client asks
/// for, it gets this one.
///
/// ```standalone_crate
/// use agentscope_tuner::{model::{openai, scripted::Scripted}, prelude::*};
///
/// /// Asks through a client of its own.
/// #[workflow]
/// async fn ask(question: String, model: ModelEndpoint) -> Result<String> {
///     let client = openai(model.model()).base_url(model.base_url()).api_key(model.api_key()).build()?;
///     client.ask(question).await
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// // Outside of a run, an endpoint lasts as long as its handle.
/// let model = ModelEndpoint::of(&Scripted::new("four", |_| "4").into())?;
/// assert_eq!(ask("2 + 2?".to_owned(), model).await?, "4");
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct ModelEndpoint(Arc<Inner>);

struct Inner {
    /// Without a path.
    root: String,
    base_url: String,
    api_key: SecretString,
    model: String,
    /// Closes the endpoint when it is dropped.
    _lease: Box<dyn Any + Send + Sync>,
}

impl ModelEndpoint {
    /// An endpoint at `root`, such as `http://127.0.0.1:8000`, that closes when `lease` is dropped.
    pub fn new(
        root: impl Into<String>,
        api_key: SecretString,
        model: impl Into<String>,
        lease: impl Any + Send + Sync,
    ) -> Self {
        let root = root.into();
        let base_url = format!("{root}/v1");
        Self(Arc::new(Inner { root, base_url, api_key, model: model.into(), _lease: Box::new(lease) }))
    }

    /// What OpenAI's clients call the base URL; it ends in `/v1`.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// What Anthropic's clients call the base URL: the address without a path.
    pub fn anthropic_base_url(&self) -> &str {
        &self.0.root
    }

    /// The key, for `Authorization: Bearer` or `x-api-key`. Never log it.
    pub fn api_key(&self) -> &str {
        self.0.api_key.expose_secret()
    }

    /// The model's name at its provider.
    pub fn model(&self) -> &str {
        &self.0.model
    }
}

impl fmt::Debug for ModelEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelEndpoint")
            .field("base_url", &self.0.base_url)
            .field("model", &self.0.model)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Opens an endpoint to the model in `slot`: for workflows that take it as a [`Model`] too. It closes with the rollout.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the slot holds no model; [`ErrorKind::Usage`] where the context was built without
    /// [`access`](super::ContextBuilder::access); [`ErrorKind::Cancelled`] once the rollout is over; and as [`Access::open`].
    pub fn endpoint(&self, slot: &str) -> Result<ModelEndpoint> {
        let model = match self.bound(slot) {
            Some(Bound::Model(model)) => model,
            other => return Err(unfilled(self, slot, SlotRole::Model, other)),
        };
        let access = self.access().ok_or_else(|| {
            let message = "this context opens no endpoints: build it with `.access(…)`, or give the function a `ModelEndpoint::of(&model)`";
            Error::new(ErrorKind::Usage, message)
        })?;
        let over = self.over().ok_or_else(|| {
            Error::new(ErrorKind::Cancelled, "the rollout is over: it opens no endpoints any more")
        })?;
        access.open(model, over)
    }
}
