use agentscope_tuner::tool;

/// Shouts.
#[tool(description = "Shouts.")]
async fn shout(text: &str) -> String {
    text.to_uppercase()
}

fn main() {}
