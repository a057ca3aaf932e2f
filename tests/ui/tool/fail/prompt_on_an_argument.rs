use agentscope_tuner::tool;

/// Shouts.
#[tool]
async fn shout(#[prompt("hello")] text: &str) -> String {
    text.to_uppercase()
}

fn main() {}
