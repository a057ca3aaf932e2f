//! The tools of an agent.

mod call;

use std::{any, fmt, sync::Arc, time::Duration};

use super::{FunctionTool, Tool};
use crate::{
    component::Location,
    error::{Error, ErrorKind, Result},
    model::ToolSpec,
    text::did_you_mean,
};

/// Tools by name, in the order in which they were added. Clones share the tools.
///
/// ```
/// # use agentscope_tuner::{agent::{Tool, ToolOutput}, message::Block, model::ToolSpec};
/// # use futures_util::future::BoxFuture;
/// # use serde_json::{Value, json};
/// # struct Clock;
/// # impl Tool for Clock {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec { name: "clock".into(), description: "The time.".into(), parameters: json!({"type": "object"}) }
/// #     }
/// #     fn call(&self, _: Value) -> BoxFuture<'static, agentscope_tuner::Result<ToolOutput>> {
/// #         Box::pin(async { Ok(vec![Block::text("noon")]) })
/// #     }
/// # }
/// use agentscope_tuner::{agent::Toolkit, message::ToolUse};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let toolkit = Toolkit::new().time_limit(Duration::from_secs(10)).tool_with(Clock)?;
/// let call = ToolUse { id: "1".into(), name: "clock".into(), input: json!({}) };
/// assert_eq!(toolkit.call(&call).await.text(), "noon");
/// # Ok::<(), agentscope_tuner::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Toolkit {
    tools: Vec<Held>,
    /// Of each tool in `tools`, at the same place.
    specs: Vec<ToolSpec>,
    time_limit: Option<Duration>,
}

#[derive(Clone)]
struct Held {
    tool: Arc<dyn Tool>,
    origin: Origin,
}

/// Where a tool comes from, for messages.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// A function under `#[tool]`.
    Function(Location),
    /// A value of this type.
    Value(&'static str),
    /// The agent itself, for structured answers.
    Agent,
}

impl Toolkit {
    /// No tools yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function under [`#[tool]`](crate::tool).
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when another tool has the same name, or the name is not `[A-Za-z0-9_-]{1,64}`.
    pub fn tool<T: FunctionTool>(self) -> Result<Self> {
        self.held(Arc::new(T::ENTRY), Origin::Function(T::ENTRY.meta.location))
    }

    /// Adds a tool that is a value.
    ///
    /// # Errors
    /// As [`tool`](Self::tool).
    pub fn tool_with<T: Tool + 'static>(self, tool: T) -> Result<Self> {
        self.held(Arc::new(tool), Origin::Value(any::type_name::<T>()))
    }

    /// Sets how long one call may take, unlimited by default. A call over it is dropped, and the model is told.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// The tools as the model sees them.
    pub fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    pub(super) fn held(mut self, tool: Arc<dyn Tool>, origin: Origin) -> Result<Self> {
        let spec = tool.spec();
        check_name(&spec.name, origin)?;
        if let Some(place) = self.position(&spec.name) {
            return Err(twice(&spec.name, self.tools[place].origin, origin));
        }
        self.tools.push(Held { tool, origin });
        self.specs.push(spec);
        Ok(self)
    }

    fn find(&self, name: &str) -> Result<&dyn Tool> {
        let known = || did_you_mean(name, self.specs.iter().map(|spec| &*spec.name));
        let unknown = || Error::new(ErrorKind::Tool, format!("no tool is named `{name}`; {}", known()));
        self.position(name).map(|place| &*self.tools[place].tool).ok_or_else(unknown)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.specs.iter().position(|spec| spec.name == name)
    }
}

fn check_name(name: &str, origin: Origin) -> Result<()> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "{origin} is named `{name}`, which models do not take; use 1 to 64 of the letters A to Z, a to z, digits, `_` \
         and `-`"
    );
    Err(Error::new(ErrorKind::Usage, message))
}

fn twice(name: &str, first: Origin, second: Origin) -> Error {
    let message = format!(
        "two tools are named `{name}`: {first} and {second}; rename one, a function with `#[tool(name = \"…\")]`"
    );
    Error::new(ErrorKind::Usage, message)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(location) => write!(f, "the function at {location}"),
            Self::Value(type_name) => write!(f, "the value of type `{type_name}`"),
            Self::Agent => f.write_str("the one by which `reply_as` takes the answer"),
        }
    }
}

impl fmt::Debug for Toolkit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.specs.iter().map(|spec| &spec.name);
        f.debug_struct("Toolkit")
            .field("tools", &names.collect::<Vec<_>>())
            .field("time_limit", &self.time_limit)
            .finish()
    }
}

#[cfg(test)]
mod tests;
