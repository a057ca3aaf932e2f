agentscope_tuner::main!();

fn main() {}
