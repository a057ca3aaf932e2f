//! Tunes LLM agents that are ordinary async functions: picks the best model, improves the prompts, or trains the
//! weights behind them.
//!
//! Annotate a function with [`macro@workflow`] and another with [`macro@judge`], end the file with [`main!`], and the
//! program is a command line that lists, checks, evaluates and tunes them. [`tuner::Tuner`] does the same from within a
//! program.
//!
//! ```no_run
//! use agentscope_tuner::prelude::*;
//!
//! /// One row of `data/train.jsonl`.
//! #[derive(Clone, Deserialize)]
//! struct MathTask { question: String, answer: String }
//!
//! /// Solves one grade-school problem.
//! #[workflow]
//! async fn solve(task: MathTask, model: Model, #[prompt("Be brief.")] system: Prompt) -> Result<Msg> {
//!     ReActAgent::new(model).system(system).reply(Msg::user(task.question)).await
//! }
//!
//! /// 1 when the last word of the reply is the reference answer.
//! #[judge]
//! async fn exact_match(task: &MathTask, response: &Msg) -> bool {
//!     response.text().split_whitespace().last() == Some(task.answer.as_str())
//! }
//!
//! agentscope_tuner::main!();
//! ```
//!
//! The way of the data through the modules: [`dataset`] → task → [`mod@workflow`] → response → [`mod@judge`] → reward →
//! [`strategy`] → [`candidate`] → …; the [`rollout`] engine alone runs candidates.

// So that generated code works in this crate's own tests too.
#[allow(unused_extern_crates, reason = "only tests and doctests use it")]
extern crate self as agentscope_tuner;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod agent;
pub mod candidate;
mod cli;
pub mod component;
pub mod config;
pub mod dataset;
pub mod error;
pub mod gateway;
pub mod judge;
mod main_macro;
pub mod message;
pub mod model;
pub mod prelude;
pub mod registry;
pub mod report;
pub mod rollout;
pub mod seed;
pub mod strategy;
mod text;
pub mod tuner;
pub mod workflow;

/// Makes an async function a judge: it says how good a response is.
///
/// It takes the task and the response, by value or by reference, then any number of parameters that the
/// tuner supplies as it does those of a [`workflow`](macro@workflow). It returns `bool`, `f64`,
/// [`Reward`](judge::Reward), or a `Result` of one of them. The function stays callable as it is.
///
/// ```standalone_crate
/// use agentscope_tuner::prelude::*;
///
/// /// Repeats the task.
/// #[workflow]
/// async fn repeat(task: String) -> Result<String> {
///     Ok(task)
/// }
///
/// /// Whether the answer is as short as the question.
/// #[judge(for = repeat)]
/// async fn short(task: &str, response: &str) -> bool {
///     response.len() <= task.len()
/// }
/// # agentscope_tuner::main!();
/// ```
///
/// A judge that takes a [`Group`](workflow::Group) of responses sees those of all candidates and repeats to one task at once,
/// and returns a reward for each: `async fn best(task: &Task, answers: &Group<Msg>) -> Vec<f64>`. `select`, and `eval` with
/// repeats, can use it; each candidate is then run on every row.
///
/// | option | meaning |
/// |---|---|
/// | `for = path` | The workflow that it judges. The compiler checks that task and response are of its types. Without it, a judge fits every workflow of its types, and every workflow at all where they are `serde_json::Value`. |
/// | `name = "…"` | Its name in the configuration, 1 to 64 ASCII letters, digits, `_` or `-`; else that of the function. |
/// | `crate = path` | The path of this crate, where it is renamed or re-exported. |
#[doc(inline)]
pub use agentscope_tuner_macros::judge;
/// Makes an async function a tool that an agent can call.
///
/// The doc comment is what the model reads, so it must be there; doc comments on parameters describe the
/// arguments. A parameter is of any type that is `Deserialize + JsonSchema`, `Option` for an argument that
/// may be left out, or a reference: `&str`, `&[T]`, `&T`. The answer is any `Serialize` type, or a `Result`
/// of one, whose error the model sees. The function stays callable as it is.
///
/// ```standalone_crate
/// use agentscope_tuner::{agent::{FunctionTool, Tool}, prelude::*};
///
/// /// Adds two numbers exactly.
/// #[tool]
/// async fn add(
///     /// First term.
///     a: f64,
///     /// Second term.
///     b: f64,
/// ) -> f64 {
///     a + b
/// }
///
/// let spec = add::ENTRY.spec();
/// assert_eq!(spec.description, "Adds two numbers exactly.");
/// assert_eq!(spec.parameters["properties"]["a"]["description"], "First term.");
/// ```
///
/// The options are `name = "…"` and `crate = path`, as those of a [`judge`](macro@judge).
#[doc(inline)]
pub use agentscope_tuner_macros::tool;
/// Makes an async function a workflow: what the tuner runs on every row of a dataset and improves.
///
/// The first parameter is the task, any type that is `Deserialize + Clone`, by value or by reference. Every
/// later one is supplied by the tuner and says by its type what it is: a [`Model`](model::Model), a
/// [`Prompt`](workflow::Prompt), [`Demos`](workflow::Demos), the [`Context`](workflow::Context), or a type
/// of your own that implements [`FromContext`](workflow::FromContext). Its name is its slot in the
/// configuration; an attribute gives the slot a default:
///
/// | attribute | default |
/// |---|---|
/// | `#[prompt("…")]` | The text. |
/// | `#[prompt(file = "prompts/system.md")]` | The text of a file, relative to the package, less the white space at its end. |
/// | `#[model("strong")]` | The model of this name in `tuner.toml`. |
///
/// It returns `Result<R>` or `Result<WorkflowOutput<R>>` with any error type, where `R: Serialize +
/// DeserializeOwned` is what the judge sees. The function stays callable as it is; beside it stands a type
/// of its name, for generic code.
///
/// ```standalone_crate
/// use agentscope_tuner::prelude::*;
///
/// /// Asks a model for one sentence.
/// #[workflow]
/// async fn ask(
///     question: String,
///     #[model("fast")] model: Model,
///     /// How to behave.
///     #[prompt("Answer in one sentence.")]
///     system: Prompt,
/// ) -> Result<String> {
///     model.ask(format!("{system}\n\n{question}")).await
/// }
/// # agentscope_tuner::main!();
/// ```
///
/// The options are `name = "…"` and `crate = path`, as those of a [`judge`](macro@judge).
#[doc(inline)]
pub use agentscope_tuner_macros::workflow;
/// The language model that this program owns, for whoever trains or serves one without a workflow.
#[cfg(feature = "embedded")]
pub use agentscope_tuner_policy as policy;
pub use error::{Error, ErrorKind, Result};
