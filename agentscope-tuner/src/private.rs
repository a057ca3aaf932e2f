//! Everything that generated code names, and nothing else. Not part of the public API.

pub use ::{inventory, schemars, serde, serde_json, std};

pub use crate::{
    agent::{
        FunctionTool, ToolEntry, ToolOutput, arguments_schema, parse_arguments, tool_output, try_tool_output,
    },
    cli::{Program, main},
    component::{Location, Meta},
    error::Result,
    judge::{Judge, JudgeEntry, JudgeReturn, Judged, Reward},
    workflow::{
        Context, Erased, FromContext, Produced, SlotDefault, SlotRole, SlotSpec, TypeInfo, Workflow,
        WorkflowEntry, WorkflowReturn, unerase,
    },
};

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::workflow::read;

/// The entry of `W`, whose bounds stand on its associated types alone: a type that misses one is reported once.
pub const fn workflow_entry<W: Workflow>(
    meta: Meta,
    slots: &'static [SlotSpec],
    run: fn(Erased, Context) -> BoxFuture<'static, Result<Produced>>,
) -> WorkflowEntry {
    let (task, response) = (TypeInfo::of::<W::Task>(), TypeInfo::of::<W::Response>());
    WorkflowEntry { meta, slots, task, response, parse: read::<W::Task>, revive: read::<W::Response>, run }
}

/// The task of `W`, to be lent.
pub fn task<W: Workflow>(task: Erased) -> Result<Arc<W::Task>> {
    unerase(task)
}

/// The task of `W`, to be given away.
pub fn owned_task<W: Workflow>(task: Erased) -> Result<W::Task> {
    unerase_owned(task)
}

/// As [`unerase`], to be given away.
pub fn unerase_owned<T: Clone + Send + Sync + 'static>(erased: Erased) -> Result<T> {
    unerase(erased).map(Arc::unwrap_or_clone)
}

/// The task of a judge with `for = …` is that of the workflow.
#[diagnostic::on_unimplemented(
    message = "the judge takes a task of type `{Self}`, but the task of its workflow is `{Expected}`",
    label = "this workflow has another task",
    note = "give both the same task type; a judge of any workflow takes `serde_json::Value` and no `for = …`"
)]
pub trait SameTask<Expected> {
    const SAME: () = ();
}

#[diagnostic::do_not_recommend]
impl<T> SameTask<T> for T {}

/// The response of a judge with `for = …` is that of the workflow.
#[diagnostic::on_unimplemented(
    message = "the judge takes a response of type `{Self}`, but the response of its workflow is `{Expected}`",
    label = "this workflow has another response",
    note = "give the judge the type that stands in the workflow's `Result`; a judge of any workflow takes `serde_json::Value` and no `for = …`"
)]
pub trait SameResponse<Expected> {
    const SAME: () = ();
}

#[diagnostic::do_not_recommend]
impl<T> SameResponse<T> for T {}
