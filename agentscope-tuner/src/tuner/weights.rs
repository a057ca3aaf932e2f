//! Weights tuning as the configuration describes it.

use super::{Session, open_dataset, tasks};
use crate::{
    candidate::{SlotPath, SlotValue},
    config::{Config, WeightsTable},
    error::{Error, ErrorKind, Result},
    model::{Sampling, embedded::Embedded, served::Served},
    strategy::weights::{Sampler, WarmStart, WeightsTuning},
    workflow::SlotRole,
};

/// The strategy of `[strategy.weights]`; `slot` and `steps` go before its own.
///
/// # Errors
/// [`ErrorKind::Config`] when a setting is wrong, or the slot is not filled by an embedded model.
pub(crate) fn weights_tuning(
    config: &Config,
    session: &Session<'_>,
    slot: Option<&str>,
    steps: Option<u64>,
) -> Result<WeightsTuning> {
    let mut table = config.file.strategy.weights.clone().unwrap_or_default();
    table.steps = steps.or(table.steps);
    let slot = session.slot(SlotRole::Model, slot.or(table.slot.as_deref()))?;
    let (model, sampling) = match &table.model {
        Some(model) => (model.clone(), Sampling::default()),
        None => filled(session, &slot)?,
    };
    let policy = embedded(config, &slot, &model)?;
    let mut tuning = WeightsTuning::new(slot, model, policy);
    tuning.eval_sampling = sampling;
    table.apply(&mut tuning)?;
    tuning.warm_start = warm_start(config, &table, &tuning)?;
    tuning.sampler = sampler(config, &table, &tuning.policy)?;
    Ok(tuning)
}

/// The model in `slot`, and its sampling there.
fn filled(session: &Session<'_>, slot: &SlotPath) -> Result<(String, Sampling)> {
    match session.value(slot) {
        Some(SlotValue::Model { name, sampling, .. }) => Ok((name, sampling)),
        _ => {
            let SlotPath { component, slot: name } = slot;
            let message = format!(
                "slot `{slot}` holds no model to train: set `{name} = …` under [slots.{component}] in tuner.toml"
            );
            Err(Error::new(ErrorKind::Config, message))
        }
    }
}

fn embedded(config: &Config, slot: &SlotPath, name: &str) -> Result<Embedded> {
    let models = &config.file.models;
    let own = || {
        let embedded = models
            .iter()
            .filter(|(_, spec)| spec.provider == "embedded")
            .map(|(name, _)| format!("`{name}`"));
        let embedded: Vec<_> = embedded.collect();
        if embedded.is_empty() {
            "add one with provider = \"embedded\"".to_owned()
        } else {
            format!("configured: {}", embedded.join(", "))
        }
    };
    match models.get(name) {
        Some(spec) if spec.provider == "embedded" => {
            let mut spec = spec.clone();
            spec.path = spec.path.map(|path| config.resolve(path));
            Embedded::from_spec(&spec)
        }
        Some(spec) => Err(Error::new(
            ErrorKind::Config,
            format!(
                "slot `{slot}` is filled by `{name}`, a model of {}, whose weights are out of reach: fill it with an embedded model ({})",
                spec.provider,
                own()
            ),
        )),
        None => Err(Error::new(
            ErrorKind::Config,
            format!("there is no model `{name}`: add a [models.{name}] table to tuner.toml"),
        )),
    }
}

fn sampler(config: &Config, table: &WeightsTable, policy: &Embedded) -> Result<Option<Sampler>> {
    let Some(table) = &table.sampler else { return Ok(None) };
    let name = &table.model;
    let spec = config.file.models.get(name).ok_or_else(|| {
        let message = format!(
            "strategy.weights.sampler names `{name}`, but there is no such model: add a [models.{name}] table with provider = \"vllm\" to tuner.toml"
        );
        Error::new(ErrorKind::Config, message)
    })?;
    let served = Served::from_spec(spec, policy.clone(), &|variable| std::env::var(variable).ok());
    let served =
        served.map_err(|error| Error::new(error.kind(), format!("model `{name}`: {}", error.chain())))?;
    let default = Sampler::new(name, served);
    Ok(Some(Sampler {
        directory: table.directory.as_ref().map(|directory| config.resolve(directory)),
        difference_limit: table.difference_limit.unwrap_or(default.difference_limit),
        ..default
    }))
}

fn warm_start(config: &Config, table: &WeightsTable, tuning: &WeightsTuning) -> Result<Option<WarmStart>> {
    let Some(warm) = &table.warm_start else { return Ok(None) };
    let rows = tasks(&open_dataset(config, &warm.dataset())?)?;
    Ok(Some(WarmStart {
        rows: rows.iter().map(|row| row.value.clone()).collect(),
        steps: warm.steps.unwrap_or(100),
        batch_size: warm.batch_size.unwrap_or(32),
        schedule: table.warm_schedule(warm, tuning),
        until: warm.until,
        eval_interval: warm.eval_interval.unwrap_or(tuning.eval_interval),
    }))
}
