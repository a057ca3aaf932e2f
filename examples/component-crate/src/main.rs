//! Tunes the components of the library.

agentscope_tuner::main!(component_crate);
