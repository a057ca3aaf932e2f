//! Rows as the model reads them.

use crate::{
    error::Result,
    packing::pack,
    tape::{Batch, Targets},
    trajectory::Trajectory,
};

/// Rows that stand together in one micro-batch, such as the two answers of a preference.
pub(super) type Unit<'a> = Vec<&'a Trajectory>;

/// Some units as one forward pass. Log-probabilities come out in the order of the units, of their rows, of their trained
/// tokens.
pub(super) struct Micro {
    /// Which units they are.
    pub(super) units: Vec<usize>,
    pub(super) batch: Batch,
    pub(super) targets: Targets,
}

/// Packs `units` into micro-batches of at most `budget` tokens; a unit that is longer has one of its own.
pub(super) fn micro_batches(units: &[Unit<'_>], budget: usize) -> Result<Vec<Micro>> {
    let lengths: Vec<usize> = units.iter().map(|unit| unit.iter().map(|row| read(row).len()).sum()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let packed = pack(&lengths, budget.max(longest))?;
    packed.into_iter().map(|chosen| Micro::new(units, chosen)).collect()
}

/// The tokens of `row` that the model must read to predict its last trained one.
fn read(row: &Trajectory) -> &[u32] {
    let last = row.mask.iter().rposition(|trained| *trained).unwrap_or(0);
    &row.ids[..last]
}

/// The places of the trained tokens of `row` that something stands before.
pub(super) fn trained(row: &Trajectory) -> impl Iterator<Item = usize> + '_ {
    (1..row.ids.len()).filter(|token| row.mask[*token])
}

impl Micro {
    fn new(units: &[Unit<'_>], chosen: Vec<usize>) -> Result<Self> {
        let rows = || chosen.iter().flat_map(|unit| &units[*unit]);
        let batch = Batch::new(rows().map(|row| read(row)));
        let (mut places, mut ids) = (Vec::new(), Vec::new());
        for (row, start) in rows().zip(batch.offsets()) {
            places.extend(trained(row).map(|token| (start + token - 1) as u32));
            ids.extend(trained(row).map(|token| row.ids[token]));
        }
        let targets = Targets::new(places, ids)?;
        Ok(Self { units: chosen, batch, targets })
    }
}
