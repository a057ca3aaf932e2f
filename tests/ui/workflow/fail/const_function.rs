use agentscope_tuner::workflow;

#[workflow]
const fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
