use agentscope_tuner::judge;

#[judge]
async fn near(task: &f64, response: &f64, tolerance: f64) -> bool {
    (task - response).abs() < tolerance
}

fn main() {}
