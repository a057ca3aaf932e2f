//! Models from code: `openai("qwen-turbo").base_url("http://127.0.0.1:8000/v1").build()?`.

use std::{fmt, time::Duration};

use secrecy::SecretString;

use super::{Model, ModelSpec, Price, Sampling, build, spec::Env};
use crate::error::{Error, Result};

/// A model to be built: made by [`openai`] and its siblings.
///
/// ```
/// use agentscope_tuner::model::openai;
/// let model = openai("tiny").base_url("http://127.0.0.1:8000/v1").concurrency(8).build()?;
/// assert_eq!(model.id().name, "tiny");
/// # Ok::<(), agentscope_tuner::Error>(())
/// ```
#[derive(Clone)]
pub struct ModelBuilder {
    spec: ModelSpec,
    key: Option<SecretString>,
}

macro_rules! starts {
    ($($(#[$doc:meta])* $provider:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $provider(name: impl Into<String>) -> ModelBuilder {
            ModelBuilder::from(ModelSpec::new(stringify!($provider), name))
        }
    )*};
}

starts! {
    /// A model of OpenAI or, with [`base_url`](ModelBuilder::base_url), of any server that speaks chat completions.
    openai,
    /// A model of Alibaba Cloud's Model Studio.
    dashscope,
    /// A model of DeepSeek.
    deepseek,
    /// A model of a local Ollama.
    ollama,
    /// A model that a local vLLM serves.
    vllm,
    /// A model of Anthropic.
    anthropic,
    /// A model of Google's Gemini API.
    gemini,
}

impl ModelBuilder {
    /// Sets the endpoint.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.spec.base_url = Some(url.into());
        self
    }

    /// Sets the environment variable that holds the API key.
    #[must_use]
    pub fn api_key_env(mut self, variable: impl Into<String>) -> Self {
        self.spec.api_key_env = Some(variable.into());
        self
    }

    /// Passes the API key itself.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the price, without which no cost is known.
    #[must_use]
    pub fn price(mut self, price: Price) -> Self {
        self.spec.price = Some(price);
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.spec.timeout = Some(timeout.as_secs_f64());
        self
    }

    /// Fixes how many calls run at once, instead of finding out by trying.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.spec.concurrency = Some(calls);
        self
    }

    /// Sets how often a transient failure is tried again.
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.spec.max_retries = Some(retries);
        self
    }

    /// Adds an HTTP header to every request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.headers.insert(name.into(), value.into());
        self
    }

    /// Sets how tokens are drawn where a request leaves it open.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.spec.sampling = sampling;
        self
    }

    /// What was set so far, but for the key.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// The model; its key comes from the process environment unless it was passed.
    ///
    /// # Errors
    /// As [`ModelSpec::build`].
    pub fn build(self) -> Result<Model> {
        self.build_with(&|name| std::env::var(name).ok())
    }

    /// The model, with `env` in place of the process environment.
    ///
    /// # Errors
    /// As [`ModelSpec::build`].
    pub fn build_with(self, env: &Env<'_>) -> Result<Model> {
        if self.key.is_none() {
            return self.spec.build(env);
        }
        self.spec.check()?;
        Ok(self.spec.with_defaults(build::client(&self.spec, self.key, env)?))
    }
}

impl From<ModelSpec> for ModelBuilder {
    fn from(spec: ModelSpec) -> Self {
        Self { spec, key: None }
    }
}

impl TryFrom<ModelBuilder> for Model {
    type Error = Error;

    fn try_from(builder: ModelBuilder) -> Result<Self> {
        builder.build()
    }
}

impl fmt::Debug for ModelBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelBuilder").field("spec", &self.spec).finish_non_exhaustive()
    }
}
