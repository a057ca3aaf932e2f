//! Every return type, and errors of the user's own.

use agentscope_tuner::{prelude::*, workflow::WorkflowOutput};

#[derive(Debug)]
struct NoLuck;

impl std::fmt::Display for NoLuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no luck")
    }
}

impl std::error::Error for NoLuck {}

#[derive(Serialize, Deserialize)]
struct Answer {
    number: f64,
}

#[workflow]
async fn own_error(task: f64) -> std::result::Result<Answer, NoLuck> {
    if task < 0.0 { Err(NoLuck) } else { Ok(Answer { number: task.sqrt() }) }
}

#[workflow]
async fn own_reward(task: String) -> Result<WorkflowOutput<usize>> {
    Ok(WorkflowOutput::new(task.len()).reward(1.0).metric("length", 3.0))
}

mod inner {
    use agentscope_tuner::prelude::*;

    /// It stays a plain function.
    #[workflow]
    pub(crate) async fn public(task: u8) -> Result<u8> {
        Ok(task)
    }
}

fn main() {
    drop(inner::public(3));
}
