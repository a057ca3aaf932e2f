//! A program over a library of components and its own workflow.

use agentscope_tuner::prelude::*;

#[workflow]
async fn solve(task: String) -> Result<String> {
    Ok(task)
}

agentscope_tuner::main!(fixture_component);
