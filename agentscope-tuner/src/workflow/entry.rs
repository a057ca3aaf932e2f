//! A workflow as registered: constant data that describes it, and a function that runs it.

use std::{
    any::{Any, TypeId, type_name},
    collections::BTreeMap,
    fmt,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Context, Group, SlotSpec};
use crate::{
    component::Meta,
    error::{Error, ErrorKind, Result},
};

/// A task or response whose type only its workflow and judge know.
pub type Erased = Arc<dyn Any + Send + Sync>;

/// The type that `#[workflow]` makes beside a function, under the function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "not annotated with `#[workflow]`",
    note = "put `#[workflow]` on the function"
)]
pub trait Workflow: 'static {
    /// What the dataset's rows are read into.
    type Task: DeserializeOwned + Clone + Send + Sync + 'static;
    /// What the judge sees.
    type Response: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Its description and how to run it.
    const ENTRY: WorkflowEntry;
}

/// A type that is known by its identity.
#[derive(Clone, Copy)]
pub struct TypeInfo {
    id: fn() -> TypeId,
    name: fn() -> &'static str,
}

impl TypeInfo {
    /// Of `T`.
    pub const fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>, name: type_name::<T> }
    }

    /// Identity within this program.
    pub fn id(&self) -> TypeId {
        (self.id)()
    }

    /// Full path, for people.
    pub fn name(&self) -> &'static str {
        (self.name)()
    }

    /// Whether it is a [`Group`] of [`serde_json::Value`]s.
    pub fn is_json_group(&self) -> bool {
        self.id() == TypeId::of::<Group<Value>>()
    }

    /// Whether it is [`serde_json::Value`], which any task or response can be given as.
    pub fn is_json(&self) -> bool {
        self.id() == TypeId::of::<Value>()
    }
}

impl PartialEq for TypeInfo {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl fmt::Debug for TypeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A function under `#[workflow]`, as registered.
#[derive(Clone, Copy, Debug)]
pub struct WorkflowEntry {
    /// Name, documentation and place.
    pub meta: Meta,
    /// What the tuner fills.
    pub slots: &'static [SlotSpec],
    /// What rows are read into.
    pub task: TypeInfo,
    /// What the judge sees.
    pub response: TypeInfo,
    /// What a judge of several rollouts sees: a [`Group`] of responses.
    pub group: TypeInfo,
    /// Makes such a group of responses.
    pub gather: fn(Vec<Erased>) -> Result<Erased>,
    /// Reads a task from JSON; the error says what does not fit and at which field.
    pub parse: fn(&Value) -> Result<Erased>,
    /// Reads a response from JSON.
    pub revive: fn(&Value) -> Result<Erased>,
    /// Runs the function on a task that `parse` made.
    pub run: fn(Erased, Context) -> BoxFuture<'static, Result<Produced>>,
}

impl WorkflowEntry {
    /// Of tasks of type `T` and responses of type `R`; `run` is given what `parse` made.
    pub const fn new<T, R>(
        meta: Meta,
        slots: &'static [SlotSpec],
        run: fn(Erased, Context) -> BoxFuture<'static, Result<Produced>>,
    ) -> Self
    where
        T: DeserializeOwned + Send + Sync + 'static,
        R: DeserializeOwned + Send + Sync + 'static,
    {
        Self {
            meta,
            slots,
            task: TypeInfo::of::<T>(),
            response: TypeInfo::of::<R>(),
            group: TypeInfo::of::<Group<R>>(),
            gather: Group::<R>::gather,
            parse: read::<T>,
            revive: read::<R>,
            run,
        }
    }
}

/// What a workflow produced, with its type erased.
#[derive(Clone)]
pub struct Produced {
    /// The response.
    pub response: Erased,
    /// The response as JSON.
    pub json: Value,
    /// The workflow's own reward.
    pub reward: Option<f64>,
    /// The workflow's own metrics.
    pub metrics: BTreeMap<String, f64>,
}

impl fmt::Debug for Produced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Produced")
            .field("json", &self.json)
            .field("reward", &self.reward)
            .finish_non_exhaustive()
    }
}

/// Reads `T` from JSON with its type erased.
///
/// # Errors
/// [`ErrorKind::Task`] with the path of the field that does not fit.
pub fn read<T: DeserializeOwned + Send + Sync + 'static>(json: &Value) -> Result<Erased> {
    // The path is followed only where it is needed: that costs more than the reading.
    let read = T::deserialize(json).or_else(|_| serde_path_to_error::deserialize::<_, T>(json));
    match read {
        Ok(value) => Ok(Arc::new(value)),
        Err(error) => {
            let path = error.path().to_string();
            let at = if path == "." { String::new() } else { format!(" at `{path}`") };
            let name = type_name::<T>();
            Err(Error::new(ErrorKind::Task, format!("does not fit `{name}`{at}: {}", error.inner())))
        }
    }
}

/// The value of type `T` that `erased` holds.
///
/// # Errors
/// [`ErrorKind::Registry`] when it holds another type: a component was run with what another one made.
pub fn unerase<T: Send + Sync + 'static>(erased: Erased) -> Result<Arc<T>> {
    erased.downcast::<T>().map_err(|_| {
        let name = type_name::<T>();
        Error::new(ErrorKind::Registry, format!("expected a value of type `{name}`, but was given another"))
    })
}
