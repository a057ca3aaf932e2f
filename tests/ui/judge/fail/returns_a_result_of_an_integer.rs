use agentscope_tuner::judge;

#[judge]
async fn right(task: &str, response: &str) -> Result<usize, String> {
    Ok(task.len() - response.len())
}

fn main() {}
