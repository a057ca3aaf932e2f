use agentscope_tuner::tool;

/// Shows a thing.
#[tool]
async fn show<T: ToString>(thing: T) -> String {
    thing.to_string()
}

fn main() {}
