use agentscope_tuner::workflow;

#[workflow]
async fn solve() -> Result<String, String> {
    Ok(String::new())
}

fn main() {}
