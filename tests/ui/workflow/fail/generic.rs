use agentscope_tuner::workflow;

#[workflow]
async fn solve<T, const N: usize>(task: T) -> Result<T, String> {
    Ok(task)
}

fn main() {}
