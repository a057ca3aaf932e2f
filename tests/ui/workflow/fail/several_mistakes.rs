use agentscope_tuner::{model::Model, workflow};

#[workflow(name = "my solver", seed = 3)]
fn solve<T>(
    #[model("strong")] task: &mut T,
    #[prompt("")]
    #[model]
    (a, b): (Model, Model),
    system: &str,
) {
}

fn main() {}
