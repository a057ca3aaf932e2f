//! The attributes of agentscope-tuner: `#[workflow]`, `#[judge]` and `#[tool]`.
//!
//! Each goes the same way: `parse` and `options` read the item into a `component`, keeping every mistake; `check`
//! holds the rules, one a function; `workflow`, `judge` and `tool` write the code, with what they share in
//! `expand`.
//! Use them through `agentscope_tuner`, where they are documented.

mod check;
mod component;
mod errors;
mod expand;
mod judge;
mod options;
mod parse;
mod place;
#[cfg(test)]
mod tests;
mod tool;
mod workflow;

use component::Kind;
use proc_macro::TokenStream;

/// Makes an async function a workflow; see `agentscope_tuner::workflow`.
#[proc_macro_attribute]
pub fn workflow(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::annotate(Kind::Workflow, options.into(), item.into()).into()
}

/// Makes an async function a judge; see `agentscope_tuner::judge`.
#[proc_macro_attribute]
pub fn judge(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::annotate(Kind::Judge, options.into(), item.into()).into()
}

/// Makes an async function a tool; see `agentscope_tuner::tool`.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::annotate(Kind::Tool, options.into(), item.into()).into()
}
