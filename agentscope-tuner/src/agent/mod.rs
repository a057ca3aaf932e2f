//! Agents: a model in a loop with tools.
//!
//! A [`ReActAgent`] asks its model, runs the tools of its [`Toolkit`] that the answer calls, shows the model what
//! they gave, and goes on until the model answers. Its [`Memory`] holds the conversation from one reply to the next.
//!
//! Most tools are functions under [`#[tool]`](crate::tool). One that holds state implements [`Tool`]:
//!
//! ```
//! use agentscope_tuner::{
//!     Result,
//!     agent::{ReActAgent, Tool, ToolOutput},
//!     message::{Block, Msg},
//!     model::{ToolSpec, scripted::{Rule, Scope, Scripted, ScriptedCall}},
//! };
//! use futures_util::future::BoxFuture;
//! use serde_json::{Value, json};
//!
//! /// Knows how many of each thing are in stock.
//! struct Stock {
//!     apples: u32,
//! }
//!
//! impl Tool for Stock {
//!     fn spec(&self) -> ToolSpec {
//!         ToolSpec {
//!             name: "stock".into(),
//!             description: "How many of a thing are in stock.".into(),
//!             parameters: json!({
//!                 "type": "object",
//!                 "properties": {"thing": {"type": "string"}},
//!                 "required": ["thing"],
//!             }),
//!         }
//!     }
//!
//!     fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
//!         let answer = match input["thing"].as_str() {
//!             Some("apples") => Ok(vec![Block::text(self.apples.to_string())]),
//!             other => Err(format!("{other:?} is not sold here; ask for apples").into()),
//!         };
//!         Box::pin(async { answer })
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! // In earnest `openai("…")`; this one calls the tool and then says what it was told.
//! let model = Scripted::rules("clerk", [
//!     Rule { matches: Some("^(\\d+)$".into()), scope: Scope::Last, ..Rule::otherwise("We have $1.") },
//!     Rule {
//!         calls: vec![ScriptedCall { name: "stock".into(), arguments: json!({"thing": "apples"}) }],
//!         ..Rule::default()
//!     },
//! ])?;
//! let mut agent = ReActAgent::new(model).system("You are a clerk.").tool_with(Stock { apples: 12 });
//! let reply = agent.reply(Msg::user("Any apples left?")).await?;
//! assert_eq!(reply.text(), "We have 12.");
//! // The question, the call, its result, the answer.
//! assert_eq!(agent.messages().len(), 4);
//! # Ok::<(), agentscope_tuner::Error>(())
//! # }).unwrap();
//! ```

mod conversation;
mod finish;
mod memory;
mod react;
mod tool;
mod toolkit;
mod turn;

pub use memory::Memory;
pub use react::ReActAgent;
pub use tool::{FunctionTool, Tool, ToolEntry, ToolOutput};
#[doc(hidden)]
pub use tool::{arguments_schema, parse_arguments, tool_output, try_tool_output};
pub use toolkit::Toolkit;
