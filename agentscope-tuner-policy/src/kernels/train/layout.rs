//! What the CPU's kernels need to know of a packed batch, computed once for all blocks of the model.

use super::{attention::Segment, heads::Angles};

/// A packed batch as the CPU's kernels want it.
#[derive(Debug)]
pub struct CpuLayout {
    pub(super) segments: Vec<Segment>,
    /// The first row that each row attends to.
    pub(super) first_keys: Vec<u32>,
    positions: Vec<u32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl CpuLayout {
    pub(super) fn new(offsets: &[usize], window: Option<usize>, frequencies: &[f32]) -> Self {
        let sequences = || offsets.windows(2).map(|ends| ends[0]..ends[1]);
        let window = window.unwrap_or(usize::MAX);
        let first_key = |start: usize, row: usize| start.max((row + 1).saturating_sub(window)) as u32;
        let longest = sequences().map(|rows| rows.len()).max().unwrap_or(0);
        let angles = (0..longest).flat_map(|p| frequencies.iter().map(move |f| p as f64 * f64::from(*f)));
        let (cos, sin) = angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Self {
            segments: Segment::cut(offsets),
            first_keys: sequences()
                .flat_map(|rows| rows.clone().map(move |row| first_key(rows.start, row)))
                .collect(),
            positions: sequences().flat_map(|rows| 0..rows.len() as u32).collect(),
            cos,
            sin,
        }
    }

    pub(super) fn angles(&self) -> Angles<'_> {
        Angles { cos: &self.cos, sin: &self.sin, positions: &self.positions }
    }
}
