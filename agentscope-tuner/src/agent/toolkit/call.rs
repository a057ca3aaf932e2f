//! A call of a tool, which always has a result.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt as _;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tracing::{Instrument as _, field};

use super::Toolkit;
use crate::{
    agent::{Tool, ToolOutput},
    error::{Error, ErrorKind, Result},
    message::{ToolResult, ToolUse},
    text::panic_message,
};

impl Toolkit {
    /// Calls the tool that `call` names.
    ///
    /// Whatever goes wrong becomes a result that tells the model so: a tool that does not exist, arguments that do
    /// not fit, a tool that fails, panics or takes too long.
    pub async fn call(&self, call: &ToolUse) -> ToolResult {
        let span = tracing::info_span!(
            "execute_tool",
            "otel.name" = format!("execute_tool {}", call.name),
            "otel.status_code" = field::Empty,
            "gen_ai.operation.name" = "execute_tool",
            "gen_ai.tool.name" = call.name,
            "gen_ai.tool.call.id" = call.id,
            "gen_ai.tool.type" = "function",
            "error.type" = field::Empty,
        );
        match self.output(call).instrument(span.clone()).await {
            Ok(output) => {
                ToolResult { id: call.id.clone(), name: call.name.clone(), output, is_error: false }
            }
            Err(error) => {
                span.record("error.type", "tool_error");
                span.record("otel.status_code", "ERROR");
                ToolResult::error(call, error.chain())
            }
        }
    }

    async fn output(&self, call: &ToolUse) -> Result<ToolOutput> {
        let tool = self.find(&call.name)?;
        let running = guarded(tool, arguments(&call.input)?);
        let Some(limit) = self.time_limit else { return running.await };
        let late =
            |_| Error::new(ErrorKind::Tool, format!("gave no answer within {limit:?} and was stopped"));
        tokio::time::timeout(limit, running).await.map_err(late)?
    }
}

/// Runs the tool; a panic in it becomes an error that carries its message.
async fn guarded(tool: &dyn Tool, input: Value) -> Result<ToolOutput> {
    // A tool that shares state between calls has to keep it sound itself, as it would in a thread that panics.
    let future = catch_unwind(AssertUnwindSafe(|| tool.call(input))).map_err(panicked)?;
    AssertUnwindSafe(future).catch_unwind().await.map_err(panicked)?
}

fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let message = panic_message(&*payload).unwrap_or("no message");
    Error::new(ErrorKind::Tool, format!("the tool panicked: {message}"))
}

/// The arguments as an object, or what is wrong with them.
fn arguments(input: &Value) -> Result<Value> {
    let wrong = |what: String| {
        let message = format!("the arguments {what}; write one JSON object that fits the tool's schema");
        Err(Error::new(ErrorKind::Tool, message))
    };
    match input {
        Value::Object(_) => Ok(input.clone()),
        // Some models call a tool without parameters so.
        Value::Null => Ok(Value::Object(Map::new())),
        Value::String(raw) if raw.trim().is_empty() => Ok(Value::Object(Map::new())),
        Value::String(raw) => match serde_json::from_str::<IgnoredAny>(raw) {
            Err(error) => wrong(format!("are not valid JSON ({error})")),
            Ok(_) => wrong("are a JSON string".into()),
        },
        Value::Array(_) => wrong("are a list".into()),
        Value::Bool(_) | Value::Number(_) => wrong(format!("are only `{input}`")),
    }
}
