agentscope_tuner::main!(components = [my_workflows]);
