//! What the CPU's kernels need to know of a packed batch, computed once for all blocks of the model.

use super::{attention::Tree, heads::Angles};

/// A packed batch as the CPU's kernels want it.
#[derive(Debug)]
pub struct CpuLayout {
    pub(super) trees: Vec<Tree>,
    /// The first row of its own sequence that each row attends to.
    pub(crate) first_keys: Vec<u32>,
    positions: Vec<u32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl CpuLayout {
    pub(crate) fn new(
        offsets: &[usize],
        branches: &[bool],
        window: Option<usize>,
        frequencies: &[f32],
    ) -> Self {
        let window = window.unwrap_or(usize::MAX);
        let first_key = |start: usize, row: usize| start.max((row + 1).saturating_sub(window)) as u32;
        let (mut first_keys, mut positions) = (Vec::new(), Vec::new());
        let mut stem = 0;
        for (ends, is_branch) in offsets.windows(2).zip(branches) {
            let (rows, length) = (ends[0]..ends[1], ends[1] - ends[0]);
            // A branch goes on where its stem ends.
            let first = if *is_branch { stem } else { 0 };
            if !is_branch {
                stem = length;
            }
            positions.extend((first..first + length).map(|position| position as u32));
            first_keys.extend(rows.map(|row| first_key(ends[0], row)));
        }
        let longest = positions.iter().max().map_or(0, |last| *last as usize + 1);
        let angles = (0..longest).flat_map(|p| frequencies.iter().map(move |f| p as f64 * f64::from(*f)));
        let (cos, sin) = angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Self { trees: Tree::cut(offsets, branches), first_keys, positions, cos, sin }
    }

    pub(crate) fn angles(&self) -> Angles<'_> {
        Angles { cos: &self.cos, sin: &self.sin, positions: &self.positions }
    }
}
