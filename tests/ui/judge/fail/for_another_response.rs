use agentscope_tuner::{judge, workflow, workflow::WorkflowOutput};

#[workflow]
async fn solve(task: &str) -> Result<WorkflowOutput<f64>, String> {
    Ok(WorkflowOutput::new(task.len() as f64))
}

#[judge(for = solve)]
async fn right(task: &str, response: &str) -> bool {
    task == response
}

fn main() {}
