use agentscope_tuner::workflow;

#[workflow]
async unsafe fn solve(task: String) -> Result<String, String> {
    Ok(task)
}

fn main() {}
