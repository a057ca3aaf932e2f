agentscope_tuner::main!("my_workflows");
