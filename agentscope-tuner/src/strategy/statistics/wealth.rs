//! Evidence that may be looked at after every row.

/// The largest stake: with 1, a single row could ruin the gambler.
const LARGEST: f64 = 0.8;
/// The smallest one, however many rows there are.
const SMALLEST: f64 = 0.02;
/// Each stake is at most so many times the next smaller one.
const STEP: f64 = 1.5;

/// What a gambler stakes on each row: several shares of the largest safe stake at once, fixed before the first row.
///
/// The best stake on differences of mean `m` and variance `v` is about `m / v`, and the logarithm of its wealth grows by
/// `m² / 2v` a row. Rows too few to ever show a lead need no stake for it, so the stakes form a geometric grid from
/// the best one for the smallest lead that `rows` rows can show, taken that half of the rows differ (`v` = 1/2).
#[derive(Clone, Debug, PartialEq)]
pub struct Stakes(Vec<f64>);

impl Stakes {
    /// The stakes with which to reach a wealth of `wanted`, above 1, within so many `rows`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a handful of stakes"
    )]
    pub fn new(wanted: f64, rows: usize) -> Self {
        let smallest = (2.0 * (wanted.max(1.0).ln() / rows.max(1) as f64).sqrt()).clamp(SMALLEST, LARGEST);
        let steps = ((LARGEST / smallest).ln() / STEP.ln()).ceil() as usize;
        let stake = |step: usize| LARGEST * (smallest / LARGEST).powf(step as f64 / steps.max(1) as f64);
        Self((0..=steps).map(stake).collect())
    }
}

/// The wealth of a gambler who starts with 1 and bets that the mean of differences in [-1, 1] is above 0.
///
/// While the mean is not above 0 the wealth is a supermartingale, so by Ville's inequality it *ever* reaches `w` with
/// probability at most `1 / w`, however often one looks and whenever one stops (the mixture of fixed bets of
/// Waudby-Smith and Ramdas 2024, section 4). No assumption is made on the distribution but its bounds and that rows come
/// in random order.
#[derive(Clone, Debug, PartialEq)]
pub struct Wealth(Vec<f64>);

impl Wealth {
    /// Nothing has been played.
    pub fn new(stakes: &Stakes) -> Self {
        Self(vec![1.0; stakes.0.len()])
    }

    /// Plays on one more difference, in [-1, 1].
    pub fn bet(&mut self, stakes: &Stakes, difference: f64) {
        if difference != 0.0 {
            let difference = difference.clamp(-1.0, 1.0);
            for (wealth, stake) in self.0.iter_mut().zip(&stakes.0) {
                *wealth *= stake.mul_add(difference, 1.0);
            }
        }
    }

    /// What the gambler has, at least 0.
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    pub fn value(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn a_fair_game_keeps_the_expected_wealth() {
        let stakes = Stakes::new(1400.0, 400);
        // All 2^10 sequences of fair ±1: the mean wealth is exactly the start.
        let mean = (0..1024_u32)
            .map(|flips| {
                let mut wealth = Wealth::new(&stakes);
                (0..10).for_each(|at| wealth.bet(&stakes, if flips >> at & 1 == 1 { 1.0 } else { -1.0 }));
                wealth.value()
            })
            .sum::<f64>()
            / 1024.0;
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn without_a_difference_it_rarely_ever_reaches_twenty_and_with_one_it_does() {
        let stakes = Stakes::new(20.0, 500);
        let reached = |share: f64, world: u32| {
            let mut wealth = Wealth::new(&stakes);
            (0..500_u32).any(|row| {
                let ids = [&world.to_le_bytes()[..], &row.to_le_bytes()[..]];
                wealth.bet(&stakes, if seed::unit(5, "wealth", ids) < share { 1.0 } else { -1.0 });
                wealth.value() >= 20.0
            })
        };
        assert!((0..400).filter(|world| reached(0.5, *world)).count() <= 20 + 13);
        assert!((0..50).all(|world| reached(0.65, world)));
    }

    #[test]
    fn more_rows_bring_smaller_stakes() {
        let of = |rows| Stakes::new(1400.0, rows).0;
        assert_eq!(of(5), [0.8]);
        let (some, many) = (of(400), of(10_000));
        assert!((some[some.len() - 1] - 2.0 * (1400_f64.ln() / 400.0).sqrt()).abs() < 1e-12, "{some:?}");
        assert!(many.len() > some.len() && many[many.len() - 1] < 0.06, "{many:?}");
        assert!(many.windows(2).all(|pair| pair[0] > pair[1] && pair[0] < 1.51 * pair[1]), "{many:?}");
    }
}
