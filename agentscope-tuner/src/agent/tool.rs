//! What an agent can call.

use std::{any::Any, sync::Arc};

use futures_util::future::BoxFuture;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    component::Meta,
    error::{BoxError, Error, ErrorKind, Result},
    message::Block,
    model::ToolSpec,
};

/// What a tool answers: text, and media where the provider takes them.
pub type ToolOutput = Vec<Block>;

/// Something that an agent can call.
///
/// Most tools are functions under [`#[tool]`](crate::tool); implement this for tools that hold state.
pub trait Tool: Send + Sync {
    /// Name, description and JSON schema of the arguments.
    fn spec(&self) -> ToolSpec;

    /// Calls the tool with arguments that the model wrote: a JSON object that may not fit the schema.
    ///
    /// # Errors
    /// Whatever the model should read instead of an answer, so that it can try something else.
    fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>>;
}

impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn spec(&self) -> ToolSpec {
        (**self).spec()
    }

    fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        (**self).call(input)
    }
}

/// A function under `#[tool]`, as registered.
#[derive(Clone, Copy, Debug)]
pub struct ToolEntry {
    /// Name and description, as the model sees them, and the place.
    pub meta: Meta,
    /// JSON schema of the arguments.
    pub parameters: fn() -> Value,
    /// Calls the function with arguments in JSON.
    pub call: fn(Value) -> BoxFuture<'static, Result<ToolOutput>>,
}

impl Tool for ToolEntry {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.meta.name.into(),
            description: self.meta.doc.into(),
            parameters: (self.parameters)(),
        }
    }

    fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        (self.call)(input)
    }
}

/// The type that `#[tool]` makes beside a function, under the function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not annotated with `#[tool]`",
    note = "put `#[tool]` on the function, or give a value that implements `Tool` to `tool_with`"
)]
pub trait FunctionTool: 'static {
    /// The function and its description.
    const ENTRY: ToolEntry;
}

/// Reads the arguments of a call, naming the one that does not fit.
///
/// # Errors
/// [`ErrorKind::Tool`] with the argument's name and what was expected.
pub fn parse_arguments<T: DeserializeOwned>(input: &Value) -> Result<T> {
    // A tool without parameters is called with `null` or an empty string by some models.
    let empty = Value::Object(serde_json::Map::new());
    let input = match input {
        Value::Null => &empty,
        Value::String(text) if text.trim().is_empty() => &empty,
        other => other,
    };
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        let at = if path == "." { String::new() } else { format!(" at `{path}`") };
        Error::new(ErrorKind::Tool, format!("the arguments do not fit the schema{at}: {}", error.inner()))
    })
}

/// JSON schema of a tool's arguments, an object that needs no other document.
pub fn arguments_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        // Some providers do not follow references.
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    // The title is the name of a generated type.
    schema.remove("title");
    // Some providers refuse an object that lists no properties.
    let object = schema.ensure_object();
    object.entry("properties").or_insert_with(|| Value::Object(serde_json::Map::new()));
    schema.to_value()
}

/// The answer of a tool that returned `value`: blocks and strings as they are, anything else as JSON.
///
/// # Errors
/// [`ErrorKind::Tool`] when `value` cannot be written as JSON.
pub fn tool_output<T: Serialize + 'static>(value: T) -> Result<ToolOutput> {
    let mut value = Some(value);
    let erased = &mut value as &mut dyn Any;
    if let Some(blocks) = erased.downcast_mut::<Option<ToolOutput>>() {
        return Ok(blocks.take().unwrap_or_default());
    }
    if let Some(block) = erased.downcast_mut::<Option<Block>>() {
        return Ok(block.take().into_iter().collect());
    }
    let json = serde_json::to_value(&value)
        .map_err(|error| Error::new(ErrorKind::Tool, "the tool's answer is not JSON").with_source(error))?;
    let text = match json {
        Value::String(text) => text,
        // `()`: that the call came back is all there is to say.
        Value::Null if size_of::<T>() == 0 => "done".to_owned(),
        other => other.to_string(),
    };
    Ok(vec![Block::text(text)])
}

/// As [`tool_output`], for a tool that can fail.
///
/// # Errors
/// [`ErrorKind::Tool`] with the tool's own message.
pub fn try_tool_output<T: Serialize + 'static, E: Into<BoxError>>(
    result: Result<T, E>,
) -> Result<ToolOutput> {
    match result {
        Ok(value) => tool_output(value),
        Err(error) => {
            let error = Error::other(error);
            Err(Error::new(ErrorKind::Tool, error.to_string()).with_source(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MediaSource;
    use serde_json::json;

    #[test]
    fn a_wrong_argument_is_named() {
        #[derive(Debug, serde::Deserialize)]
        struct Add {
            #[allow(dead_code)]
            a: f64,
        }
        let error = parse_arguments::<Add>(&json!({"a": "one"})).unwrap_err();
        assert!(error.to_string().contains("`a`"), "{error}");
        let missing = parse_arguments::<Add>(&Value::Null).unwrap_err();
        assert!(missing.to_string().contains("missing field `a`"), "{missing}");
    }

    #[test]
    fn strings_are_not_quoted() {
        assert_eq!(tool_output("ok").unwrap(), [Block::text("ok")]);
        assert_eq!(tool_output(3.0).unwrap(), [Block::text("3.0")]);
        assert_eq!(tool_output(json!([1])).unwrap(), [Block::text("[1]")]);
        assert_eq!(tool_output(()).unwrap(), [Block::text("done")]);
        assert_eq!(tool_output(None::<u8>).unwrap(), [Block::text("null")]);
    }

    #[test]
    fn blocks_reach_the_model_as_they_are() {
        let source = MediaSource::Url { url: "http://127.0.0.1/a.png".into() };
        let blocks = vec![Block::text("a picture"), Block::Image { source }];
        assert_eq!(tool_output(blocks.clone()).unwrap(), blocks);
        assert_eq!(try_tool_output::<_, String>(Ok(blocks[1].clone())).unwrap(), blocks[1..]);
    }

    #[test]
    fn a_failing_tool_says_why() {
        let error = try_tool_output::<(), _>(Err("no network")).unwrap_err();
        assert_eq!((error.kind(), error.chain().as_str()), (ErrorKind::Tool, "no network"));
        let cause = Error::new(ErrorKind::Io, "cannot look up").with_source("no network");
        let error = try_tool_output::<(), _>(Err(cause)).unwrap_err();
        assert_eq!(error.chain(), "cannot look up: no network");
    }
}
