//! The policy of agentscope-tuner: a language model that this program owns, so that it can sample from it, report the
//! exact log-probability of what it sampled, and train it.
//!
//! The way of the data: a Hugging Face directory becomes [`Params`]; the same parameters are read by
//! the tape (for training) and, packed for streaming, by the decode engine (for sampling).
//! A tokenizer turns text into token ids and a chat template turns messages into text. What was sampled in the turns of a
//! rollout becomes training rows ([`trajectory`], [`packing`]), whose [`loss`] the [`trainer`] takes into the parameters.
//! Nothing here knows tasks or judges: a reward is a number.

pub mod adapter;
pub mod chat;
pub mod checkpoint;
pub mod config;
pub mod constraint;
pub mod demonstration;
pub mod device;
pub mod engine;
pub mod error;
pub(crate) mod kernels;
pub mod loss;
pub mod optimizer;
pub mod packing;
pub mod params;
pub(crate) mod random;
pub mod tape;
pub mod tensor;
#[cfg(test)]
pub(crate) mod testing;
pub mod tokenizer;
pub mod trainer;
pub mod trajectory;
pub mod var;

pub use config::PolicyConfig;
pub use error::{Error, ErrorKind, Result};
pub use params::Params;
pub use tensor::{HostTensor, TensorMap};
