use agentscope_tuner::workflow;

#[derive(serde::Deserialize)]
struct Answer;

#[workflow]
async fn solve(task: String) -> Result<Answer, String> {
    drop(task);
    Ok(Answer)
}

fn main() {}
