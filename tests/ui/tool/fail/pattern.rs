use agentscope_tuner::tool;

/// Adds two numbers.
#[tool]
async fn add((a, b): (f64, f64)) -> f64 {
    a + b
}

fn main() {}
