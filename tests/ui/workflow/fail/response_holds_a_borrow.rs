use agentscope_tuner::workflow;
use std::borrow::Cow;

#[workflow]
async fn solve(task: &str) -> Result<Cow<'_, str>, String> {
    Ok(Cow::Borrowed(task))
}

fn main() {}
