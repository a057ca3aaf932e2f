//! Adapters that do nothing yet: A random, B zero.

use super::{LoraConfig, places::build};
use crate::{
    error::Result,
    params::Params,
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
            let key = mix(seed ^ fnv1a(&place.path));
            let a: Vec<f32> = (0..a as u64).map(|index| (bound * even(key, index)) as f32).collect();
            place.adapter(device, (self.rank, self.scale()), [&a, &vec![0.0; b]]).map(Some)
        })
    }
}

/// Even in [−1, 1).
fn even(key: u64, index: u64) -> f64 {
    let bits = mix(key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 11;
    bits as f64 / (1_u64 << 52) as f64 - 1.0
}

/// SplitMix64's finaliser (Steele et al., 2014).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fowler, Noll and Vo's hash.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
