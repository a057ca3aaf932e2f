//! Workflows: the user's functions, the slots that the tuner fills in them, and what they return.

mod access;
mod context;
mod entry;
mod from_context;
mod group;
mod meter;
mod output;
mod program;
mod slot;

pub use access::{Access, ModelEndpoint};
pub use context::{Closing, Context, ContextBuilder};
pub use entry::{Erased, Produced, TypeInfo, Workflow, WorkflowEntry, read, unerase};
pub use from_context::{Demo, Demos, FromContext, Prompt};
pub use group::Group;
pub use meter::{Meter, Spent};
pub use output::{WorkflowOutput, WorkflowReturn, WorkflowValue};
pub(crate) use program::COMMAND;
pub use program::{Program, ProgramSpec, kill_programs, program_entry};
pub use slot::{Bound, SlotDefault, SlotRole, SlotSpec};
