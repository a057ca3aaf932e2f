//! How a parameter's type says what the tuner puts there.

use std::{fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Bound, Context, ModelEndpoint, SlotRole};
use crate::{
    error::{Error, ErrorKind, Result},
    model::Model,
};

/// A type that the tuner can supply as a parameter of a workflow or judge.
///
/// [`Model`], [`ModelEndpoint`], [`Prompt`], [`Demos`] and [`Context`] are supplied so. Implement it for types of your own:
///
/// ```
/// use agentscope_tuner::{Result, workflow::{Context, FromContext, SlotRole}};
///
/// /// How many passages to retrieve: `top_k = 8` under `[slots.answer]`.
/// struct TopK(usize);
///
/// impl FromContext for TopK {
///     const ROLE: SlotRole = SlotRole::Value;
///
///     fn from_context(context: &Context, slot: &str) -> Result<Self> {
///         Ok(Self(context.value(slot)?.unwrap_or(5)))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the tuner cannot supply a parameter of type `{Self}`",
    label = "neither a slot nor `Context`",
    note = "after the task (in a judge: the task and the response) a parameter is a `Model`, `Prompt`, `Demos` or `Context`",
    note = "for a type of your own, implement `FromContext`"
)]
pub trait FromContext: Sized + Send + Sync + 'static {
    /// What kind of value it is.
    const ROLE: SlotRole;

    /// Makes the value for the slot of this name.
    ///
    /// # Errors
    /// When the slot is not filled or its value does not fit; the message names the remedy.
    fn from_context(context: &Context, slot: &str) -> Result<Self>;
}

impl FromContext for Context {
    const ROLE: SlotRole = SlotRole::Context;

    fn from_context(context: &Context, _: &str) -> Result<Self> {
        Ok(context.clone())
    }
}

impl FromContext for Model {
    const ROLE: SlotRole = SlotRole::Model;

    fn from_context(context: &Context, slot: &str) -> Result<Self> {
        match context.bound(slot) {
            Some(Bound::Model(model)) => Ok(model.clone()),
            other => Err(unfilled(context, slot, Self::ROLE, other)),
        }
    }
}

impl FromContext for ModelEndpoint {
    const ROLE: SlotRole = SlotRole::Model;

    fn from_context(context: &Context, slot: &str) -> Result<Self> {
        context.endpoint(slot)
    }
}

/// A text that instructs a model, from the slot of its name. Dereferences to `str`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt(Arc<str>);

impl FromContext for Prompt {
    const ROLE: SlotRole = SlotRole::Prompt;

    fn from_context(context: &Context, slot: &str) -> Result<Self> {
        match context.bound(slot) {
            Some(Bound::Prompt(text)) => Ok(Self(Arc::clone(text))),
            other => Err(unfilled(context, slot, Self::ROLE, other)),
        }
    }
}

impl Deref for Prompt {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Into<Arc<str>>> From<T> for Prompt {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl From<Prompt> for String {
    fn from(prompt: Prompt) -> Self {
        prompt.0.as_ref().to_owned()
    }
}

/// Worked examples for a model, from the slot of its name; empty unless configured or tuned.
///
/// Prints as numbered pairs, ready to stand in a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demos(Arc<[Demo]>);

/// One worked example.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demo {
    /// What was asked.
    pub input: String,
    /// A good answer.
    pub output: String,
}

impl FromContext for Demos {
    const ROLE: SlotRole = SlotRole::Demos;

    fn from_context(context: &Context, slot: &str) -> Result<Self> {
        match context.bound(slot) {
            Some(Bound::Demos(demos)) => Ok(demos.clone()),
            None => Ok(Self::default()),
            other => Err(unfilled(context, slot, Self::ROLE, other)),
        }
    }
}

impl Deref for Demos {
    type Target = [Demo];

    fn deref(&self) -> &[Demo] {
        &self.0
    }
}

impl FromIterator<Demo> for Demos {
    fn from_iter<I: IntoIterator<Item = Demo>>(demos: I) -> Self {
        Self(demos.into_iter().collect())
    }
}

impl fmt::Display for Demos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Demo { input, output }) in (1..).zip(self.iter()) {
            let gap = if number == 1 { "" } else { "\n\n" };
            write!(f, "{gap}Example {number}\nInput: {input}\nOutput: {output}")?;
        }
        Ok(())
    }
}

impl Context {
    /// The configured value of a slot of role [`SlotRole::Value`], or `None` when it is not set.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the value does not fit `T`.
    pub fn value<T: DeserializeOwned>(&self, slot: &str) -> Result<Option<T>> {
        let value = match self.bound(slot) {
            None => return Ok(None),
            Some(Bound::Value(value)) => value,
            other => return Err(unfilled(self, slot, SlotRole::Value, other)),
        };
        serde_path_to_error::deserialize(value.as_ref()).map(Some).map_err(|error| {
            let component = self.component();
            Error::new(
                ErrorKind::Config,
                format!("`{slot}` under [slots.{component}] does not fit its type: {error}"),
            )
        })
    }
}

pub(super) fn unfilled(context: &Context, slot: &str, wanted: SlotRole, found: Option<&Bound>) -> Error {
    let component = context.component();
    let message = match found {
        Some(found) => {
            let role = found.role();
            format!("slot `{slot}` of `{component}` takes a {wanted}, but holds a {role}")
        }
        None => {
            let attribute = match wanted {
                SlotRole::Model => r#", or give the parameter a default with #[model("…")]"#,
                SlotRole::Prompt => r#", or give the parameter a default with #[prompt("…")]"#,
                _ => "",
            };
            format!(
                "slot `{slot}` of `{component}` holds no {wanted}: set `{slot} = …` under [slots.{component}] in tuner.toml{attribute}"
            )
        }
    };
    Error::new(ErrorKind::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unfilled_slot_names_the_remedy() {
        let context = Context::builder("row/0").component("solve").build();
        let error = Model::from_context(&context, "verifier").unwrap_err().to_string();
        assert!(error.contains("[slots.solve]") && error.contains("#[model"), "{error}");
    }

    #[test]
    fn a_slot_of_another_role_is_named() {
        let context = Context::builder("row/0").slot("system", "Be brief.").build();
        assert_eq!(&*Prompt::from_context(&context, "system").unwrap(), "Be brief.");
        let error = Model::from_context(&context, "system").unwrap_err().to_string();
        assert!(error.contains("takes a model, but holds a prompt"), "{error}");
    }

    #[test]
    fn values_are_read_into_types() {
        let context = Context::builder("row/0").slot("top_k", json!(8)).build();
        assert_eq!(context.value::<usize>("top_k").unwrap(), Some(8));
        assert_eq!(context.value::<usize>("other").unwrap(), None);
        assert!(context.value::<String>("top_k").is_err());
    }

    #[test]
    fn demos_print_as_numbered_pairs() {
        let demos: Demos = [("1+1", "2"), ("2+2", "4")]
            .map(|(i, o)| Demo { input: i.into(), output: o.into() })
            .into_iter()
            .collect();
        assert_eq!(demos.to_string(), "Example 1\nInput: 1+1\nOutput: 2\n\nExample 2\nInput: 2+2\nOutput: 4");
    }
}
