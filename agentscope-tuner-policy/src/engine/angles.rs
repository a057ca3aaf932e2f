//! The rotary embedding's angles by position.

use crate::config::PolicyConfig;

/// Cosine and sine of each position and rotary pair.
#[derive(Debug)]
pub(crate) struct Angles {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
    pairs: usize,
}

impl Angles {
    /// Angles are rounded to f32 before their cosine, as Hugging Face computes them.
    pub(crate) fn new(config: &PolicyConfig, positions: usize) -> Self {
        let frequencies = config.rope_frequencies();
        let angles = (0..positions).flat_map(|position| {
            frequencies.iter().map(move |frequency| f64::from(frequency * position as f32))
        });
        let (cos, sin) = angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Self { cos, sin, pairs: frequencies.len() }
    }

    pub(crate) fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let start = position * self.pairs;
        (&self.cos[start..][..self.pairs], &self.sin[start..][..self.pairs])
    }
}
