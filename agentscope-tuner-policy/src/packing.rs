//! Rows of different lengths into micro-batches that cost about the same.
//!
//! The cost of a row is taken as the square of its length, as attention has it. Longest rows are placed first, each where the
//! cost is lowest (Graham, 1969: at most a third above the best there is).

use crate::error::{Error, ErrorKind, Result};

/// Distributes rows of the given lengths over `bins` bins, balanced on Σ length². Each bin lists its rows in ascending order;
/// the same lengths always fall the same way.
pub fn balance(lengths: &[usize], bins: usize) -> Vec<Vec<usize>> {
    place(lengths, bins, usize::MAX).unwrap_or_default()
}

/// Packs rows of the given lengths into as few micro-batches as hold at most `budget` tokens each, balanced on Σ length².
/// Every row is in exactly one of them, and none is empty.
///
/// # Errors
/// When a row is longer than the budget.
pub fn pack(lengths: &[usize], budget: usize) -> Result<Vec<Vec<usize>>> {
    if let Some(row) = lengths.iter().position(|length| *length > budget) {
        return Err(Error::new(
            ErrorKind::Request,
            format!(
                "row {row} has {} tokens, more than the {budget} of a micro-batch; raise the token budget or shorten rows",
                lengths[row]
            ),
        ));
    }
    let total: usize = lengths.iter().sum();
    // With a bin for each row all fit, so the search ends.
    let fewest = total.div_ceil(budget.max(1)).max(usize::from(!lengths.is_empty()));
    let packed = (fewest..=lengths.len()).find_map(|bins| place(lengths, bins, budget));
    Ok(packed.unwrap_or_default().into_iter().filter(|bin| !bin.is_empty()).collect())
}

#[derive(Clone, Default)]
struct Bin {
    rows: Vec<usize>,
    tokens: usize,
    cost: u128,
}

/// None when a row finds no bin with room.
fn place(lengths: &[usize], bins: usize, budget: usize) -> Option<Vec<Vec<usize>>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|row| (std::cmp::Reverse(lengths[*row]), *row));
    let mut bins = vec![Bin::default(); bins];
    for row in order {
        let length = lengths[row];
        let fitting = bins.iter_mut().filter(|bin| length <= budget - bin.tokens);
        let bin = fitting.min_by_key(|bin| bin.cost)?;
        bin.rows.push(row);
        bin.tokens += length;
        bin.cost += (length as u128).pow(2);
    }
    bins.iter_mut().for_each(|bin| bin.rows.sort_unstable());
    Some(bins.into_iter().map(|bin| bin.rows).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn costs(lengths: &[usize], bins: &[Vec<usize>]) -> Vec<usize> {
        bins.iter().map(|bin| bin.iter().map(|row| lengths[*row].pow(2)).sum()).collect()
    }

    /// verl's own example.
    #[test]
    fn four_rows_over_two_bins() {
        let lengths = [4, 3, 2, 1];
        let bins = balance(&lengths, 2);
        assert_eq!(bins, [vec![0], vec![1, 2, 3]]);
        assert_eq!(costs(&lengths, &bins), [16, 14]);
    }

    #[test]
    fn a_row_beyond_the_budget_is_named() {
        let message = pack(&[3, 9, 2], 8).unwrap_err().to_string();
        assert!(message.contains("row 1 has 9 tokens, more than the 8"), "{message}");
        assert_eq!(pack(&[], 8).unwrap(), Vec::<Vec<usize>>::new());
        assert_eq!(pack(&[8, 8], 8).unwrap(), [[0], [1]]);
        assert_eq!(pack(&[0, 0], 0).unwrap(), [[0, 1]]);
    }

    /// The lowest largest cost of any distribution over `bins` bins.
    fn best(lengths: &[usize], bins: usize) -> usize {
        let ways = bins.pow(lengths.len() as u32);
        let cost = |way: usize| {
            let mut costs = vec![0; bins];
            let mut rest = way;
            for length in lengths {
                costs[rest % bins] += length.pow(2);
                rest /= bins;
            }
            costs.into_iter().max().unwrap_or(0)
        };
        (0..ways).map(cost).min().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn every_row_is_placed_once_within_the_budget(
            lengths in prop::collection::vec(0_usize..50, 0..40),
            budget in 50_usize..200,
        ) {
            let bins = pack(&lengths, budget).unwrap();
            let mut rows = bins.concat();
            rows.sort_unstable();
            prop_assert!(rows.into_iter().eq(0..lengths.len()));
            for bin in &bins {
                prop_assert!(!bin.is_empty());
                prop_assert!(bin.iter().map(|row| lengths[*row]).sum::<usize>() <= budget);
            }
        }

        #[test]
        fn the_dearest_bin_is_at_most_a_third_above_the_best(
            lengths in prop::collection::vec(1_usize..30, 1..8),
            bins in 1_usize..4,
        ) {
            let dearest = costs(&lengths, &balance(&lengths, bins)).into_iter().max().unwrap();
            prop_assert!(3 * dearest <= 4 * best(&lengths, bins), "{dearest}");
        }
    }
}
