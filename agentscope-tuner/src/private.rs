//! Everything that generated code names, and nothing else. Not part of the public API.

pub use ::{inventory, schemars, serde, serde_json, std};

pub use crate::{
    agent::{FunctionTool, ToolEntry, ToolOutput, parse_arguments, tool_output, try_tool_output},
    cli::{Program, main},
    component::{Location, Meta},
    error::Result,
    judge::{Judge, JudgeEntry, JudgeReturn, Judged, Reward},
    workflow::{
        Context, Erased, FromContext, Produced, SlotDefault, SlotRole, SlotSpec, TypeInfo, Workflow,
        WorkflowEntry, WorkflowReturn, read, unerase,
    },
};
