use agentscope_tuner::tool;

#[tool]
async fn add(a: f64) -> f64 {
    a + 1.0
}

fn main() {}
