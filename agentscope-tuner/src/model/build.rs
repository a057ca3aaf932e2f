//! From a description to a client.

use reqwest::header::AUTHORIZATION;
use secrecy::SecretString;

#[cfg(feature = "embedded")]
use super::http::Transport;
use super::{
    Model, ModelSpec,
    anthropic::Anthropic,
    cassette::Replayed,
    endpoint::{Concurrency, Endpoint, Retry},
    gemini::Gemini,
    http::{ApiKey, Target},
    openai::OpenAi,
    provider::{Preset, Protocol},
    scripted::Scripted,
    spec::Env,
};
use crate::error::{Error, ErrorKind, Result};

/// The client of a checked `spec`; `given` is a key that the program passed itself.
pub(super) fn client(spec: &ModelSpec, given: Option<SecretString>, env: &Env<'_>) -> Result<Model> {
    let Some(preset) = Preset::find(&spec.provider) else {
        return Err(Error::new(ErrorKind::Config, format!("provider `{}` is unknown", spec.provider)));
    };
    let retry = Retry { max: spec.max_retries.unwrap_or(Retry::default().max), ..Retry::default() };
    let otherwise = if preset.base_url.is_empty() { Concurrency::Unlimited } else { Concurrency::Adaptive };
    let concurrency = spec.concurrency.map_or(otherwise, Concurrency::Fixed);
    let takes_seed = spec.seed.unwrap_or(preset.takes_seed);
    let headers: Vec<_> = spec.headers.clone().into_iter().collect();
    let target = |key| target(spec, preset, key, &headers);
    match preset.protocol {
        Protocol::OpenAi(dialect) => {
            let dialect = preset.dialect_at(dialect, spec.base_url.is_some());
            let client = OpenAi::new(target(key(spec, preset, given, env)?), dialect, takes_seed)?;
            Ok(Model::new(Endpoint::new(client, concurrency, retry)))
        }
        Protocol::Scripted => Ok(Model::new(Endpoint::new(Scripted::from_spec(spec)?, concurrency, retry))),
        Protocol::Anthropic => {
            let client = Anthropic::new(target(key(spec, preset, given, env)?))?;
            Ok(Model::new(Endpoint::new(client, concurrency, retry)))
        }
        Protocol::Gemini => {
            let target = Target { base_ends_in: "/v1beta", ..target(key(spec, preset, given, env)?) };
            Ok(Model::new(Endpoint::new(Gemini::new(target, takes_seed)?, concurrency, retry)))
        }
        #[cfg(feature = "embedded")]
        Protocol::Embedded => {
            let client = super::embedded::Embedded::from_spec(spec)?;
            Ok(Model::new(Endpoint::new(client, Concurrency::Unlimited, retry)))
        }
        Protocol::Cassette => Ok(Model::new(Replayed::from_spec(spec)?)),
    }
}

/// The way to the other addresses of the server that a checked `spec` names; none where it does not speak OpenAI's protocol.
#[cfg(feature = "embedded")]
pub(super) fn transport(spec: &ModelSpec, env: &Env<'_>) -> Result<Option<Transport>> {
    match Preset::find(&spec.provider) {
        Some(preset) if matches!(preset.protocol, Protocol::OpenAi(_)) => {
            let headers: Vec<_> = spec.headers.clone().into_iter().collect();
            Transport::new(target(spec, preset, key(spec, preset, None, env)?, &headers)).map(Some)
        }
        _ => Ok(None),
    }
}

fn target<'a>(
    spec: &'a ModelSpec,
    preset: &'a Preset,
    key: ApiKey,
    headers: &'a [(String, String)],
) -> Target<'a> {
    Target {
        provider: preset.name,
        name: &spec.name,
        base_url: spec.base_url.as_deref().unwrap_or(preset.base_url),
        base_ends_in: "/v1",
        key,
        key_header: (AUTHORIZATION, "Bearer "),
        headers,
        timeout: spec.attempt_timeout(),
    }
}

/// The key that goes with `spec`, or none where none is needed.
fn key(spec: &ModelSpec, preset: &Preset, given: Option<SecretString>, env: &Env<'_>) -> Result<ApiKey> {
    if let Some(given) = given {
        return Ok(ApiKey::given(given));
    }
    // The provider's usual key must not leak to whatever another base URL points to.
    let usual = preset.key_variable.filter(|_| spec.base_url.is_none());
    let Some(variable) = spec.api_key_env.as_deref().or(usual) else { return Ok(ApiKey::default()) };
    let required = spec.api_key_env.is_some() || preset.needs_key;
    match env(variable).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()) {
        Some(key) => Ok(ApiKey::from_variable(variable, key)),
        None if required => {
            let message = format!(
                "the environment variable {variable}, which holds the API key of {}:{}, is not set",
                spec.provider, spec.name
            );
            Err(Error::new(ErrorKind::Config, message))
        }
        None => Ok(ApiKey::default()),
    }
}
