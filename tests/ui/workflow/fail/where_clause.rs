use agentscope_tuner::workflow;

#[workflow]
async fn solve(task: String) -> Result<String, String>
where
    String: Clone,
{
    Ok(task)
}

fn main() {}
