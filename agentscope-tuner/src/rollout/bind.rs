//! From a candidate's data to the values that fill the slots of a component.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    call::{Books, Metered, Scope},
    models::{ModelTable, PricedModel},
};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Result},
    model::{Model, Sampling},
    workflow::{ContextBuilder, Demos, SlotDefault, SlotRole, SlotSpec},
};

/// The slots of one component under one candidate, resolved once for all of its rollouts.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    component: Arc<str>,
    slots: Vec<(Arc<str>, Resolved)>,
}

#[derive(Clone, Debug)]
enum Resolved {
    Model {
        /// As calls name the slot.
        path: Arc<str>,
        model: Arc<PricedModel>,
        sampling: Arc<Sampling>,
        version: Option<u64>,
    },
    Prompt(Arc<str>),
    Demos(Demos),
    Value(Arc<Value>),
}

impl Binding {
    /// Takes each slot's value from the candidate, else from the configuration, else from its attribute.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every slot that stays empty or holds a value of another role.
    pub(crate) fn resolve(
        component: &str,
        slots: &[SlotSpec],
        candidate: &Candidate,
        configured: &BTreeMap<SlotPath, SlotValue>,
        models: &ModelTable,
    ) -> Result<Self> {
        let mut resolved = Vec::new();
        let mut faults = Vec::new();
        for slot in slots.iter().filter(|slot| slot.role.is_configurable()) {
            let path = SlotPath::new(component, slot.name);
            let value = candidate.slots.get(&path).or_else(|| configured.get(&path)).cloned();
            match value.or_else(|| default_value(slot)).map(|value| resolve_slot(&path, slot, value, models))
            {
                Some(Ok(value)) => resolved.push((slot.name.into(), value)),
                Some(Err(error)) => faults.push(error.chain()),
                None if needs_value(slot.role) => faults.push(unfilled(&path, slot)),
                None => {}
            }
        }
        match faults.as_slice() {
            [] => Ok(Self { component: component.into(), slots: resolved }),
            _ => Err(Error::new(ErrorKind::Config, faults.join("\n"))),
        }
    }

    /// Fills a context for one rollout.
    pub(super) fn fill(&self, context: ContextBuilder, scope: &Arc<Scope>, books: &Books) -> ContextBuilder {
        self.fill_with(context, |path, model, sampling, version| {
            let metered = Metered {
                slot: Arc::clone(path),
                model: Arc::clone(model),
                version,
                scope: Arc::clone(scope),
                books: books.clone(),
            };
            Model::sharing(Arc::new(metered), Arc::clone(sampling))
        })
    }

    /// Fills a context outside of any run: models are called as they are, with the settings of their slots.
    pub(crate) fn fill_directly(&self, context: ContextBuilder) -> ContextBuilder {
        self.fill_with(context, |_, model, sampling, _| {
            let max_tokens = sampling.max_tokens.or(model.max_output_tokens);
            let sampling = Sampling { max_tokens, ..(**sampling).clone() };
            Model::sharing(Arc::clone(model.model.client()), Arc::new(sampling))
        })
    }

    fn fill_with(
        &self,
        context: ContextBuilder,
        handle: impl Fn(&Arc<str>, &Arc<PricedModel>, &Arc<Sampling>, Option<u64>) -> Model,
    ) -> ContextBuilder {
        let context = context.component(Arc::clone(&self.component));
        self.slots.iter().fold(context, |context, (slot, value)| {
            let name = Arc::clone(slot);
            match value {
                Resolved::Model { path, model, sampling, version } => {
                    context.slot(name, handle(path, model, sampling, *version))
                }
                Resolved::Prompt(text) => context.slot(name, Arc::clone(text)),
                Resolved::Demos(demos) => context.slot(name, demos.clone()),
                Resolved::Value(value) => context.slot(name, Arc::clone(value)),
            }
        })
    }

    /// The models that its slots can call, by slot.
    pub(super) fn models(&self) -> impl Iterator<Item = (&str, &Arc<PricedModel>)> {
        self.slots.iter().filter_map(|(slot, value)| match value {
            Resolved::Model { model, .. } => Some((slot.as_ref(), model)),
            _ => None,
        })
    }
}

/// What the attribute of a slot says.
pub(super) fn default_value(slot: &SlotSpec) -> Option<SlotValue> {
    match slot.default {
        SlotDefault::None => None,
        SlotDefault::Prompt(text) => Some(SlotValue::Prompt(text.to_owned())),
        SlotDefault::Model(name) => Some(SlotValue::model(name)),
    }
}

fn needs_value(role: SlotRole) -> bool {
    matches!(role, SlotRole::Model | SlotRole::Prompt)
}

fn resolve_slot(path: &SlotPath, slot: &SlotSpec, value: SlotValue, models: &ModelTable) -> Result<Resolved> {
    if value.role() != slot.role {
        let (wanted, found) = (slot.role, value.role());
        let message = format!("slot `{path}` takes a {wanted}, but was given a {found}");
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(match value {
        SlotValue::Model { name, sampling, version } => {
            let model = Arc::clone(models.get(&name)?);
            let sampling = Arc::new(sampling.or(model.model.sampling()));
            Resolved::Model { path: path.to_string().into(), model, sampling, version }
        }
        SlotValue::Prompt(text) => Resolved::Prompt(text.into()),
        SlotValue::Demos(demos) => Resolved::Demos(demos.into_iter().collect()),
        SlotValue::Value(value) => Resolved::Value(Arc::new(value)),
    })
}

fn unfilled(path: &SlotPath, slot: &SlotSpec) -> String {
    let SlotPath { component, slot: name } = path;
    let attribute = slot.role;
    format!(
        "slot `{path}` holds no {attribute}: set `{name} = …` under [slots.{component}] in tuner.toml, \
         or give the parameter a default with #[{attribute}(\"…\")]"
    )
}
