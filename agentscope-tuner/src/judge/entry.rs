//! A judge as registered.

use std::fmt;

use futures_util::future::BoxFuture;

use super::Rewards;
use crate::{
    component::Meta,
    error::Result,
    workflow::{Context, Erased, SlotSpec, TypeInfo},
};

/// The type that `#[judge]` makes beside a function, under the function's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a judge",
    label = "not annotated with `#[judge]`",
    note = "put `#[judge]` on the function"
)]
pub trait Judge: 'static {
    /// The task type of the workflows that it judges.
    type Task: 'static;
    /// Their response type, or a [`Group`](crate::workflow::Group) of it.
    type Response: 'static;
    /// Its description and how to run it.
    const ENTRY: JudgeEntry;
}

/// A function under `#[judge]`, as registered.
#[derive(Clone, Copy, Debug)]
pub struct JudgeEntry {
    /// Name, documentation and place.
    pub meta: Meta,
    /// What the tuner fills.
    pub slots: &'static [SlotSpec],
    /// The task type of the workflows that it judges; any, where it is `serde_json::Value`.
    pub task: TypeInfo,
    /// Their response type, or a group of it; any, where it is `serde_json::Value`, or a group of that.
    pub response: TypeInfo,
    /// Whether it is shown all responses to a task at once.
    pub group: bool,
    /// The workflow of `#[judge(for = …)]`.
    pub workflow: Option<&'static str>,
    /// Runs the function.
    pub run: fn(Judged, Context) -> BoxFuture<'static, Result<Rewards>>,
}

/// A task and the response to it, or the group of responses, of the types that the judge asked for.
#[derive(Clone)]
pub struct Judged {
    /// The task.
    pub task: Erased,
    /// The response.
    pub response: Erased,
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").finish_non_exhaustive()
    }
}
