//! Agents: a model in a loop with tools.

mod tool;

pub use tool::{FunctionTool, Tool, ToolEntry, ToolOutput};
#[doc(hidden)]
pub use tool::{arguments_schema, parse_arguments, tool_output, try_tool_output};
