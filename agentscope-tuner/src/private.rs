//! Everything that generated code names, and nothing else. Not part of the public API.

pub use ::{inventory, schemars, serde, serde_json, std};

pub use crate::{
    agent::{
        FunctionTool, ToolEntry, ToolOutput, arguments_schema, parse_arguments, tool_output, try_tool_output,
    },
    cli::{Program, main},
    component::{Location, Meta},
    error::Result,
    judge::{IsResponseOf, IsTaskOf, Judge, JudgeEntry, JudgeReturn, Judged, Rewards},
    workflow::{
        Context, Erased, FromContext, Produced, SlotDefault, SlotRole, SlotSpec, TypeInfo, Workflow,
        WorkflowEntry, WorkflowReturn, unerase,
    },
};

use std::sync::Arc;

use ::serde::{Serialize, de::DeserializeOwned};
use futures_util::future::BoxFuture;

/// What `#[workflow]` implements. The function's types stand in it once each, and all other code is generic
/// over it: so a bound that one of them misses is reported once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workflow",
    label = "not annotated with `#[workflow]`",
    note = "put `#[workflow]` on the function"
)]
pub trait WorkflowFn: 'static {
    type Task: DeserializeOwned + Clone + Send + Sync + 'static;
    type Return: WorkflowReturn<Response: Serialize + DeserializeOwned + Send + Sync + 'static>;
    const ENTRY: WorkflowEntry;
}

#[diagnostic::do_not_recommend]
impl<W: WorkflowFn> Workflow for W {
    type Task = W::Task;
    type Response = <W::Return as WorkflowReturn>::Response;
    const ENTRY: WorkflowEntry = <W as WorkflowFn>::ENTRY;
}

/// The entry of `W`.
pub const fn workflow_entry<W: Workflow>(
    meta: Meta,
    slots: &'static [SlotSpec],
    run: fn(Erased, Context) -> BoxFuture<'static, Result<Produced>>,
) -> WorkflowEntry {
    WorkflowEntry::new::<W::Task, W::Response>(meta, slots, run)
}

/// The task of `W`, to be lent.
pub fn task<W: Workflow>(task: Erased) -> Result<Arc<W::Task>> {
    unerase(task)
}

/// The task of `W`, to be given away.
pub fn owned_task<W: Workflow>(task: Erased) -> Result<W::Task> {
    unerase_owned(task)
}

/// What `W` returned, with its type erased.
pub fn produce<W: WorkflowFn>(returned: W::Return) -> Result<Produced> {
    returned.produce()
}

/// As [`unerase`], to be given away.
pub fn unerase_owned<T: Clone + Send + Sync + 'static>(erased: Erased) -> Result<T> {
    unerase(erased).map(Arc::unwrap_or_clone)
}

/// `default`, for a slot whose type says that it has this `role`.
///
/// # Panics
/// While compiling, with `fault`, where the default is that of another role.
#[track_caller]
pub const fn slot_default(default: SlotDefault, role: SlotRole, fault: &'static str) -> SlotDefault {
    match (default, role) {
        (SlotDefault::None, _)
        | (SlotDefault::Model(_), SlotRole::Model)
        | (SlotDefault::Prompt(_), SlotRole::Prompt) => default,
        _ => panic!("{}", fault),
    }
}
