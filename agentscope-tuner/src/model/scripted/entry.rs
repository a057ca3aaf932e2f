//! Scripted models registered from code, by name.

use super::Scripted;
use crate::{
    error::{Error, ErrorKind, Result},
    model::ModelSpec,
};

/// A scripted model that `provider = "scripted", name = "…"` finds. Submit one with [`scripted!`](crate::scripted).
#[derive(Debug)]
pub struct ScriptedEntry {
    /// Its name in `tuner.toml`.
    pub name: &'static str,
    /// Makes it.
    pub build: fn(&ModelSpec) -> Result<Scripted>,
}

inventory::collect!(ScriptedEntry);

/// Registers a scripted model under a name.
///
/// ```standalone_crate
/// use agentscope_tuner::model::{ModelSpec, scripted::Scripted};
///
/// agentscope_tuner::scripted!("parrot", |spec| {
///     Ok(Scripted::new(&*spec.name, |request| request.messages.last().map(|msg| msg.text()).unwrap_or_default()))
/// });
///
/// let model = ModelSpec::new("scripted", "parrot").build(&|_| None).unwrap();
/// assert_eq!(model.id().to_string(), "scripted:parrot");
/// ```
#[macro_export]
macro_rules! scripted {
    ($name:literal, $build:expr $(,)?) => {
        $crate::model::scripted::inventory::submit! {
            $crate::model::scripted::ScriptedEntry { name: $name, build: $build }
        }
    };
}

/// The registered model of the name.
///
/// # Errors
/// [`ErrorKind::Config`] lists the names when it is none of them.
pub(super) fn build(spec: &ModelSpec) -> Result<Scripted> {
    let mut names = Vec::new();
    for entry in inventory::iter::<ScriptedEntry> {
        if entry.name == spec.name {
            return (entry.build)(spec);
        }
        names.push(entry.name);
    }
    names.sort_unstable();
    let known =
        if names.is_empty() { "none are registered".into() } else { format!("known: {}", names.join(", ")) };
    let message = format!(
        "no scripted model is named `{}` ({known}); set `path` to a script, or register it with `scripted!` in a \
         crate that `main!` names",
        spec.name
    );
    Err(Error::new(ErrorKind::Config, message))
}
