//! Evidence that may be looked at after every row.

/// Stakes that the gambler plays at once, as shares of the largest safe one: a geometric grid.
const STAKES: [f64; 12] = [0.05, 0.065, 0.085, 0.111, 0.145, 0.189, 0.247, 0.322, 0.42, 0.549, 0.716, 0.935];

/// The wealth of a gambler who starts with 1 and bets that the mean of differences in [-1, 1] is above 0.
///
/// While the mean is not above 0 the wealth is a supermartingale, so by Ville's inequality it *ever* reaches `w` with
/// probability at most `1 / w`, however often one looks and whenever one stops (the mixture of fixed bets of
/// Waudby-Smith and Ramdas 2024, section 4). No assumption is made on the distribution but its bounds and that rows come
/// in random order.
#[derive(Clone, Debug, PartialEq)]
pub struct Wealth([f64; STAKES.len()]);

impl Default for Wealth {
    fn default() -> Self {
        Self([1.0; STAKES.len()])
    }
}

impl Wealth {
    /// Plays on one more difference, in [-1, 1].
    pub fn bet(&mut self, difference: f64) {
        if difference != 0.0 {
            let difference = difference.clamp(-1.0, 1.0);
            for (wealth, stake) in self.0.iter_mut().zip(STAKES) {
                *wealth *= stake.mul_add(difference, 1.0);
            }
        }
    }

    /// What the gambler has, at least 0.
    #[expect(clippy::cast_precision_loss, reason = "a dozen")]
    pub fn value(&self) -> f64 {
        self.0.iter().sum::<f64>() / STAKES.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn a_fair_game_keeps_the_expected_wealth() {
        // All 2^10 sequences of fair ±1: the mean wealth is exactly the start.
        let mean = (0..1024_u32)
            .map(|flips| {
                let mut wealth = Wealth::default();
                (0..10).for_each(|at| wealth.bet(if flips >> at & 1 == 1 { 1.0 } else { -1.0 }));
                wealth.value()
            })
            .sum::<f64>()
            / 1024.0;
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn without_a_difference_it_rarely_ever_reaches_twenty_and_with_one_it_does() {
        let reached = |share: f64, world: u32| {
            let mut wealth = Wealth::default();
            (0..500_u32).any(|row| {
                let ids = [&world.to_le_bytes()[..], &row.to_le_bytes()[..]];
                wealth.bet(if seed::unit(5, "wealth", ids) < share { 1.0 } else { -1.0 });
                wealth.value() >= 20.0
            })
        };
        assert!((0..400).filter(|world| reached(0.5, *world)).count() <= 20 + 13);
        assert!((0..50).all(|world| reached(0.65, world)));
    }
}
