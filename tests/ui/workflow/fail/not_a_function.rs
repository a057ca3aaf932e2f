use agentscope_tuner::workflow;

#[workflow]
struct Solve;

fn main() {}
