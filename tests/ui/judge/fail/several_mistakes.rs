use agentscope_tuner::judge;

#[judge(for = 3, threshold = 0.5)]
fn right(&self, task: &'static str, #[model("x")] response: Box<dyn ToString>, grader: &str) {
}

fn main() {}
