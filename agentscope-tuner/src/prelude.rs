//! What a program that defines workflows needs: `use agentscope_tuner::prelude::*;`.

pub use agentscope_tuner_macros::{judge, tool, workflow};
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

pub use crate::{
    agent::ReActAgent,
    dataset::Dataset,
    error::{Error, ErrorKind, Result},
    judge::Reward,
    message::{Block, Msg, Role},
    model::{ChatRequest, Model, Sampling, ToolChoice},
    workflow::{Context, Demo, Demos, FromContext, Group, ModelEndpoint, Prompt, SlotRole, WorkflowOutput},
};
