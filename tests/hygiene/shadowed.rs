//! Every name that generated code might lean on means something else here.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types, non_upper_case_globals, reason = "the names are the point")]

use ::agentscope_tuner::{
    judge, message::Msg, model::Model, tool, workflow, workflow::Context as Circumstances, workflow::Prompt,
};
use ::std::borrow::ToOwned;

mod agentscope_tuner {}
mod alloc {}
mod core {}
mod inventory {}
mod schemars {}
mod serde {}
mod serde_json {}
mod std {}

struct Arguments;
struct Box;
struct BoxFuture;
struct Context;
struct Future;
struct Option;
struct Pin;
struct Result;
struct String;
struct Value;
struct Vec;

trait Clone {}
trait Deserialize {}
trait From {}
trait FromContext {}
trait Into {}
trait JsonSchema {}
trait Send {}
trait Serialize {}
trait Sync {}
trait Workflow {}

const Err: () = ();
const None: () = ();
const Ok: () = ();
const Some: () = ();

fn drop() {}

macro_rules! shadow {
    ($($name:ident),*) => {$(
        #[allow(unused_macros, reason = "nothing may use it")]
        macro_rules! $name {
            ($anything:tt) => {
                compile_error!("a macro of the user was used")
            };
        }
    )*};
}

shadow!(
    assert,
    column,
    concat,
    env,
    file,
    format,
    include_str,
    line,
    matches,
    module_path,
    panic,
    stringify,
    vec
);

/// Solves.
#[workflow]
pub(super) async fn solve(
    task: &str,
    model: Model,
    #[prompt("Be brief.")] system: &Prompt,
    #[prompt(file = "fixtures/renamed/prompts/system.md")] other: Prompt,
    context: Circumstances,
) -> ::std::result::Result<Msg, ::agentscope_tuner::Error> {
    let answer = model.ask(ToOwned::to_owned(task)).await?;
    context.metric("prompts", if system.len() < other.len() { 1.0 } else { 2.0 });
    ::std::result::Result::Ok(Msg::assistant(answer))
}

/// Judges.
#[judge(for = solve)]
pub(super) async fn right(_task: &str, response: Msg) -> bool {
    response.text().is_empty()
}

/// Counts.
#[tool]
pub(super) async fn count(
    /// What is counted.
    text: &str,
    from: ::std::option::Option<usize>,
    letters: &[char],
) -> ::std::result::Result<usize, ::std::string::String> {
    let from = from.unwrap_or_default();
    ::std::result::Result::Ok(text.len() - from + letters.len())
}
