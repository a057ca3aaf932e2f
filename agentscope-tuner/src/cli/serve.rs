//! `serve`: models behind an OpenAI-compatible endpoint.

use std::{collections::BTreeMap, process::ExitCode};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{
    args::{Common, Format, ServeOptions},
    show, usage,
};
use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    gateway::Gateway,
    model::{Model, ModelSpec},
};

/// The provider whose models are served when none is named.
const EMBEDDED: &str = "embedded";

/// Serves until Ctrl-C. Needs no workflow: a policy alone can be served.
pub(super) fn serve(common: &Common, options: &ServeOptions) -> Result<ExitCode> {
    let models = models(common, options)?;
    let mut gateway = Gateway::new(models.clone())?;
    if let Some(variable) = &options.token_env {
        gateway = gateway.token(token(variable)?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listening = gateway.listen(options.listen).await?;
        let url = format!("http://{}/v1", listening.address());
        let names: Vec<&String> = models.keys().collect();
        match common.format() {
            Format::Json => show::json(&serde_json::json!({ "base_url": url, "models": names }))?,
            Format::Text => {
                for name in names {
                    show::line(&format!("model {name}"));
                }
                show::line(&format!("listening at {url}"));
            }
        }
        let stop = CancellationToken::new();
        let interrupted = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                show::note("stopping: answers under way are finished");
                interrupted.cancel();
            }
        });
        listening.serve(stop).await;
        Ok::<_, Error>(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The models by the names under which they are served.
fn models(common: &Common, options: &ServeOptions) -> Result<BTreeMap<String, Model>> {
    let specs = match &options.path {
        Some(path) => {
            let (path, device, precision) = (Some(path.clone()), options.device, options.precision);
            let spec = ModelSpec { path, device, precision, ..ModelSpec::new(EMBEDDED, "") };
            vec![(None, spec)]
        }
        None => configured(common, &options.models)?,
    };
    let mut models = BTreeMap::new();
    for (name, spec) in specs {
        let built = spec.build(&|variable| std::env::var(variable).ok());
        let model = built.map_err(|error| match &name {
            Some(name) => {
                Error::new(error.kind(), format!("[models.{name}] cannot be served")).with_source(error)
            }
            None => error,
        })?;
        models.insert(name.unwrap_or_else(|| model.id().name.clone()), model);
    }
    Ok(models)
}

/// The configured models of those names, or all embedded ones.
fn configured(common: &Common, names: &[String]) -> Result<Vec<(Option<String>, ModelSpec)>> {
    let config = Config::load(common.config.as_deref(), common.profile(), &common.overrides())?;
    let all = &config.file.models;
    if let Some(unknown) = names.iter().find(|name| !all.contains_key(*name)) {
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        return Err(usage(format!("there is no [models.{unknown}]; configured: {}", known.join(", "))));
    }
    let wanted = |name: &String, spec: &ModelSpec| match names {
        [] => spec.provider == EMBEDDED,
        names => names.contains(name),
    };
    let specs: Vec<_> = all
        .iter()
        .filter(|(name, spec)| wanted(name, spec))
        .map(|(name, spec)| {
            let path = spec.path.as_ref().map(|path| config.resolve(path));
            (Some(name.clone()), ModelSpec { path, ..spec.clone() })
        })
        .collect();
    if specs.is_empty() {
        return Err(usage(
            "no embedded model is configured; name a configured model, or give --path DIRECTORY",
        ));
    }
    Ok(specs)
}

/// The bearer token that the environment variable holds.
///
/// # Errors
/// [`ErrorKind::Config`] when it is not set.
pub(super) fn token(variable: &str) -> Result<SecretString> {
    match std::env::var(variable) {
        Ok(token) if !token.trim().is_empty() => Ok(token.trim().to_owned().into()),
        _ => Err(Error::new(
            ErrorKind::Config,
            format!("the environment variable {variable}, which holds the bearer token, is not set"),
        )),
    }
}
