//! `[models.NAME]` of `tuner.toml`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Device, Model, Precision, Price, Sampling, device,
    http::{base_url, header},
    provider::{Preset, ProviderEntry, provider_names},
};
use crate::error::{Error, ErrorKind, Result};

/// Looks up an environment variable.
pub type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The longest `timeout`, in seconds: a day.
const LONGEST_TIMEOUT: f64 = 86_400.0;

/// A model as `tuner.toml` describes it. Holds no secret, only the name of the variable that does.
///
/// ```
/// use agentscope_tuner::model::ModelSpec;
/// let spec: ModelSpec = toml::from_str(r#"
///     provider = "openai"
///     name = "tiny"
///     base-url = "http://127.0.0.1:8000/v1"
///     sampling = { temperature = 0.2 }
/// "#)?;
/// assert!(spec.faults().is_empty());
/// let model = spec.build(&|name| std::env::var(name).ok())?;
/// assert_eq!(model.id().to_string(), "openai:tiny");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelSpec {
    /// Who serves the model: one of [`provider_names`].
    pub provider: String,
    /// The model's name there.
    #[serde(default)]
    pub name: String,
    /// The endpoint, when it is not the provider's own; for OpenAI's protocol it usually ends in `/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the API key. The provider's usual variable is read when this is unset,
    /// but only for the provider's own endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// What it costs; unknown when unset, and nothing for an embedded model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Seconds until an attempt is given up, in (0, 86400]; 300 when unset. Streams: until the next event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Most calls at once, at least 1; found out by trying when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<usize>,
    /// How often a call is tried again after a transient failure, 0 to 100; 6 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// Most tokens of an answer where nothing else says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// HTTP headers sent with every request. No place for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The script, cassette or model directory of models inside this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Where an embedded model computes: `cpu`, which is meant when unset, or `cuda`, the first NVIDIA GPU, in programs built with
    /// that feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// How an embedded model multiplies on a GPU: `f32`, which is meant when unset, `tf32` or `bf16`, which halves the memory of its
    /// weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// How tokens are drawn where a request leaves it open.
    #[serde(default)]
    pub sampling: Sampling,
    /// Whether seeds are sent; the provider decides when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<bool>,
}

impl ModelSpec {
    /// A model of `provider` with everything else left to it.
    pub fn new(provider: impl Into<String>, name: impl Into<String>) -> Self {
        Self { provider: provider.into(), name: name.into(), ..Self::default() }
    }

    /// What it costs, if that is known: models inside this process cost nothing unless it is said.
    pub fn known_price(&self) -> Option<Price> {
        self.price.or_else(|| (self.provider == "embedded").then_some(Price::FREE))
    }

    /// Every setting that cannot work, each with what to write instead. Reads no variable and no file.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let preset = Preset::find(&self.provider);
        if preset.is_none() && ProviderEntry::find(&self.provider).is_none() {
            let known = provider_names().join(", ");
            faults.push(format!("provider `{}` is unknown; use one of {known}", self.provider));
        }
        if preset.is_some_and(|preset| !preset.base_url.is_empty()) && self.name.trim().is_empty() {
            faults.push("name is missing: write the model's name at the endpoint".into());
        }
        if let Some(Err(error)) = self.base_url.as_deref().map(base_url) {
            faults.push(error.to_string());
        }
        if let Some(variable) = self.api_key_env.as_deref().filter(|name| !is_variable_name(name)) {
            // Likely the key itself: it must not reach a log.
            let length = variable.len();
            faults.push(format!(
                "api-key-env (of {length} characters) is no variable's name; write the name of the environment \
                 variable that holds the key, such as OPENAI_API_KEY, never the key"
            ));
        }
        faults.extend(self.headers.iter().filter_map(|(name, value)| header(name, value).err()));
        faults.extend(self.number_faults());
        faults.extend(device::faults(self));
        faults.extend(self.price.iter().flat_map(Price::faults));
        faults.extend(self.sampling.faults().into_iter().map(|fault| format!("sampling.{fault}")));
        faults
    }

    fn number_faults(&self) -> impl Iterator<Item = String> {
        let timeout = self.timeout.filter(|timeout| !(*timeout > 0.0 && *timeout <= LONGEST_TIMEOUT));
        let timeout = timeout.map(|timeout| {
            format!(
                "timeout is {timeout}, but must be a number of seconds above 0 and at most {LONGEST_TIMEOUT}"
            )
        });
        let concurrency = (self.concurrency == Some(0))
            .then(|| "concurrency is 0, but must be at least 1, or left out".into());
        let retries = self.max_retries.filter(|retries| *retries > 100);
        let retries = retries.map(|retries| format!("max-retries is {retries}, but must be at most 100"));
        let tokens = (self.max_output_tokens == Some(0))
            .then(|| "max-output-tokens is 0, but must be at least 1".into());
        [timeout, concurrency, retries, tokens].into_iter().flatten()
    }

    /// The model, ready to be called. `env` looks up the one variable that holds the key.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] lists every fault, or names the variable that is missing.
    pub fn build(&self, env: &Env<'_>) -> Result<Model> {
        self.check()?;
        match ProviderEntry::find(&self.provider) {
            Some(entry) if Preset::find(&self.provider).is_none() => {
                Ok(self.with_defaults((entry.build)(self, env)?))
            }
            _ => Ok(self.with_defaults(super::build::client(self, None, env)?)),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let faults = self.faults();
        if faults.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::Config, faults.join("; "))) }
    }

    pub(super) fn with_defaults(&self, model: Model) -> Model {
        let most = Sampling { max_tokens: self.max_output_tokens, ..Sampling::default() };
        let sampling = self.sampling.clone().or(&most);
        if sampling == Sampling::default() { model } else { model.with_sampling(sampling) }
    }

    /// How long one attempt may take.
    pub fn attempt_timeout(&self) -> Duration {
        self.timeout
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or(Duration::from_secs(300))
    }
}

fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn unknown_keys_are_errors() {
        let error = toml::from_str::<ModelSpec>("provider = \"openai\"\nbase_url = \"x\"").unwrap_err();
        assert!(error.to_string().contains("base-url"), "{error}");
    }

    #[test]
    fn every_fault_is_listed_with_its_remedy() {
        let spec: ModelSpec = toml::from_str(
            r#"
            provider = "opnai"
            base-url = "127.0.0.1:8000"
            api-key-env = "sk-pasted-by-mistake"
            timeout = 0
            concurrency = 0
            max-retries = 1000
            max-output-tokens = 0
            price = { input = -1, output = 1 }
            sampling = { temperature = -1 }
            headers = { "a b" = "x", good = "line\nbreak" }
            "#,
        )
        .unwrap();
        let faults = spec.faults();
        assert_eq!(faults.len(), 11, "{faults:#?}");
        let all = spec.build(&nothing).unwrap_err().to_string();
        for word in
            ["dashscope", "http://", "OPENAI_API_KEY", "at least 1", "at most 100", "sampling.temperature"]
        {
            assert!(all.contains(word), "{word} is not in {all}");
        }
        assert!(!all.contains("pasted"), "{all}");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let spec = ModelSpec::new("dashscope", "qwen-turbo");
        let error = spec.build(&nothing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("DASHSCOPE_API_KEY"), "{error}");
        assert!(spec.build(&|_| Some("sk".into())).is_ok());
        let own = ModelSpec { api_key_env: Some("MINE".into()), ..spec };
        assert!(own.build(&|name| (name == "DASHSCOPE_API_KEY").then(|| "sk".into())).is_err());
    }

    #[test]
    fn the_usual_key_is_not_sent_to_another_endpoint() {
        let base_url = Some("http://127.0.0.1:1/v1".into());
        let spec = ModelSpec { base_url, ..ModelSpec::new("openai", "tiny") };
        let asked = std::cell::RefCell::new(Vec::new());
        let model = spec.build(&|name| {
            asked.borrow_mut().push(name.to_owned());
            Some("sk".into())
        });
        assert_eq!(model.unwrap().id().key, 0);
        assert!(asked.borrow().is_empty());
    }

    #[test]
    fn the_most_output_tokens_fill_what_is_open() {
        let spec = ModelSpec { max_output_tokens: Some(64), ..ModelSpec::new("ollama", "tiny") };
        assert_eq!(spec.build(&nothing).unwrap().sampling().max_tokens, Some(64));
    }
}
