//! Adapters that do nothing yet: A random, B zero.

use super::{LoraConfig, places::build};
use crate::{
    error::Result,
    params::Params,
    random,
    tape::{Kernels, Lora},
};

impl LoraConfig {
    /// New adapters on `params`, as PEFT makes them: A even in ±1/√inputs (He et al.'s uniform start with a = √5), B zero, so
    /// that the model is what it was.
    ///
    /// Each number is a function of `seed`, the layer's path and its place alone. Freeze the model's own parameters to train the
    /// adapters by themselves.
    ///
    /// # Errors
    /// When a setting is out of range or the device has no memory left.
    pub fn init<D: Kernels>(&self, params: &Params<D>, seed: u64) -> Result<Lora<D>> {
        self.check()?;
        let device = params.embedding.var.device();
        build(params, |place| {
            if !self.targets.contains(&place.module) {
                return Ok(None);
            }
            let [a, b] = place.shapes(self.rank).map(|[rows, columns]| rows * columns);
            let bound = 1.0 / (place.inputs as f64).sqrt();
            let key = random::key(seed, &place.path);
            let a: Vec<f32> = (0..a as u64).map(|index| (bound * random::even(key, index)) as f32).collect();
            place.adapter(device, (self.rank, self.scale()), [&a, &vec![0.0; b]]).map(Some)
        })
    }
}
