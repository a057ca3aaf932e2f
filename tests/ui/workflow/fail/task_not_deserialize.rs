use agentscope_tuner::workflow;

#[derive(Clone)]
struct Task;

#[workflow]
async fn solve(task: Task) -> Result<String, String> {
    let Task = task;
    Ok(String::new())
}

fn main() {}
