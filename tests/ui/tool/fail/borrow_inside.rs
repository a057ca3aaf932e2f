use agentscope_tuner::tool;

/// Joins words.
#[tool]
async fn join(words: &[&str]) -> String {
    words.concat()
}

fn main() {}
