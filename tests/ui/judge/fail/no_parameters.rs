use agentscope_tuner::judge;

#[judge]
async fn right() -> bool {
    true
}

fn main() {}
