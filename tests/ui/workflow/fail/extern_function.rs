use agentscope_tuner::workflow;

#[workflow]
async extern "C" fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
