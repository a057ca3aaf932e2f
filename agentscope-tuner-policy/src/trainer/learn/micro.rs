//! Rows as the model reads them: packed into micro-batches, a prompt that several rows begin with read once.

use std::collections::HashMap;

use crate::{
    error::Result,
    packing::pack,
    tape::{Batch, Targets},
    trajectory::Trajectory,
};

/// Rows that stand together in one micro-batch: the two answers of a preference, or a rollout whose ratio is one.
pub(super) type Unit<'a> = Vec<&'a Trajectory>;

/// How rows become micro-batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Most tokens of a micro-batch; a unit that is longer has one of its own.
    pub(super) budget: usize,
    /// Whether a common prompt is read once.
    pub(super) shares: bool,
}

/// Some units as one forward pass. Log-probabilities come out in the order of the units, of their rows, of their trained
/// tokens.
pub(super) struct Micro {
    /// Which units they are.
    pub(super) units: Vec<usize>,
    pub(super) batch: Batch,
    pub(super) targets: Targets,
}

/// Units that are packed as one, since they share a prompt.
#[derive(Default)]
struct Bundle {
    units: Vec<usize>,
    tokens: usize,
}

/// Packs `units` into micro-batches.
pub(super) fn micro_batches(units: &[Unit<'_>], cut: Cut) -> Result<Vec<Micro>> {
    let bundles = bundles(units, cut);
    let lengths: Vec<usize> = bundles.iter().map(|bundle| bundle.tokens).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let packed = pack(&lengths, cut.budget.max(longest))?;
    let chosen = |places: Vec<usize>| places.iter().flat_map(|place| bundles[*place].units.clone()).collect();
    packed.into_iter().map(|places| Micro::new(units, chosen(places), cut.shares)).collect()
}

/// Units of one row that begin with the same prompt stand together, as far as the budget allows.
fn bundles(units: &[Unit<'_>], cut: Cut) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::new();
    // The last bundle of each prompt.
    let mut open: HashMap<&[u32], usize> = HashMap::new();
    for (place, unit) in units.iter().enumerate() {
        let tokens: usize = unit.iter().map(|row| read(row).len()).sum();
        let only = match unit[..] {
            [row] if cut.shares => Some(row),
            _ => None,
        };
        let known = only.and_then(|row| Some((&mut bundles[*open.get(prompt(row))?], stem(row).len())));
        match known {
            Some((bundle, shared)) if bundle.tokens + tokens - shared <= cut.budget => {
                bundle.units.push(place);
                bundle.tokens += tokens - shared;
            }
            _ => {
                if let Some(row) = only {
                    open.insert(prompt(row), bundles.len());
                }
                bundles.push(Bundle { units: vec![place], tokens });
            }
        }
    }
    bundles
}

/// The tokens of `row` that the model must read to predict its last trained one.
fn read(row: &Trajectory) -> &[u32] {
    let last = row.mask.iter().rposition(|trained| *trained).unwrap_or(0);
    &row.ids[..last]
}

/// The tokens before the first trained one.
fn prompt(row: &Trajectory) -> &[u32] {
    let first = row.mask.iter().position(|trained| *trained).unwrap_or(0);
    &row.ids[..first]
}

/// The prompt without its last token: that one predicts the first trained token, which each row has for itself.
fn stem(row: &Trajectory) -> &[u32] {
    let prompt = prompt(row);
    &prompt[..prompt.len().saturating_sub(1)]
}

/// The places of the trained tokens of `row` that something stands before.
pub(super) fn trained(row: &Trajectory) -> impl Iterator<Item = usize> + '_ {
    (1..row.ids.len()).filter(|token| row.mask[*token])
}

impl Micro {
    fn new(units: &[Unit<'_>], chosen: Vec<usize>, shares: bool) -> Result<Self> {
        let rows: Vec<&Trajectory> = chosen.iter().flat_map(|unit| units[*unit].iter().copied()).collect();
        let mut batch = Batch::default();
        let (mut places, mut ids) = (Vec::new(), Vec::new());
        for group in rows.chunk_by(|one, next| shares && prompt(one) == prompt(next)) {
            let shared = if group.len() > 1 { stem(group[0]).len() } else { 0 };
            if shared > 0 {
                batch.push(stem(group[0]));
            }
            for row in group {
                let start = batch.ids().len();
                match shared {
                    0 => batch.push(read(row)),
                    _ => batch.branch(&read(row)[shared..]),
                }
                places.extend(trained(row).map(|token| (start + token - 1 - shared) as u32));
                ids.extend(trained(row).map(|token| row.ids[token]));
            }
        }
        let targets = Targets::new(places, ids)?;
        Ok(Self { units: chosen, batch, targets })
    }
}
