//! The training pass against a plain f64 model: values directly, gradients by central differences of that model.

mod fixture;
mod harness;
mod model;
mod operations;
mod reference;
mod threads;
