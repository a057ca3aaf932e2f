//! The models of a run, by their names in the configuration.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Model, Price},
    text::did_you_mean,
};

/// A model with what the engine must know beside it.
#[derive(Clone, Debug)]
pub struct PricedModel {
    /// The client, with its configured sampling.
    pub model: Model,
    /// What it costs; `None` is unknown, not free.
    pub price: Option<Price>,
    /// Most tokens of an answer, where a request does not say.
    pub max_output_tokens: Option<u32>,
}

impl From<Model> for PricedModel {
    fn from(model: Model) -> Self {
        Self { model, price: None, max_output_tokens: None }
    }
}

/// Models by name.
#[derive(Clone, Debug, Default)]
pub struct ModelTable(BTreeMap<String, Arc<PricedModel>>);

impl ModelTable {
    /// The same with one more model.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, model: impl Into<PricedModel>) -> Self {
        self.0.insert(name.into(), Arc::new(model.into()));
        self
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] that lists the models there are.
    pub fn get(&self, name: &str) -> Result<&Arc<PricedModel>> {
        self.0.get(name).ok_or_else(|| {
            let hint = did_you_mean(name, self.names());
            let message =
                format!("there is no model `{name}`: add a [models.{name}] table to tuner.toml; {hint}");
            Error::new(ErrorKind::Config, message)
        })
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<PricedModel>)> {
        self.0.iter().map(|(name, model)| (name.as_str(), model))
    }
}
