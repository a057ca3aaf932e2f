//! The attributes of agentscope-tuner.
