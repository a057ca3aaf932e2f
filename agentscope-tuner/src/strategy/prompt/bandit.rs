//! Which proposer is asked next: the more often its children were taken, the more often.

use statrs::distribution::{Beta, ContinuousCDF as _};

/// What is thought of a proposer: children taken and left, with what is assumed before any was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arm {
    taken: f64,
    left: f64,
}

impl Arm {
    /// As if so many children had been taken and left before, each above 0.
    pub(super) fn new(taken: f64, left: f64) -> Self {
        Self { taken, left }
    }

    /// Notes what became of a child.
    pub(super) fn note(&mut self, taken: bool) {
        *(if taken { &mut self.taken } else { &mut self.left }) += 1.0;
    }

    /// A plausible share of children that are taken (Thompson 1933): the quantile `unit` of its beta posterior.
    pub(super) fn draw(&self, unit: f64) -> f64 {
        Beta::new(self.taken, self.left).map_or(0.5, |beta| beta.inverse_cdf(unit))
    }
}

/// The arm with the largest draw; `units` are numbers in [0, 1), one for each of `arms`.
pub(super) fn choose(arms: &[Arm], units: &[f64]) -> Option<usize> {
    let draws = arms.iter().zip(units).map(|(arm, unit)| arm.draw(*unit)).enumerate();
    draws.max_by(|one, other| one.1.total_cmp(&other.1).then(other.0.cmp(&one.0))).map(|(arm, _)| arm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn what_pays_is_chosen_more_and_more_but_not_alone() {
        let mut arms = [Arm::new(1.0, 1.0), Arm::new(1.0, 1.0)];
        let mut chosen = [0, 0];
        for round in 0..200_u32 {
            let unit = |arm: u32| seed::unit(3, "arm", [&round.to_le_bytes()[..], &arm.to_le_bytes()[..]]);
            let arm = choose(&arms, &[unit(0), unit(1)]).unwrap();
            chosen[arm] += 1;
            let pays = if arm == 1 { 0.5 } else { 0.1 };
            arms[arm].note(unit(2) < pays);
        }
        assert!(chosen[1] > 150 && chosen[0] > 3, "{chosen:?}");
    }
}
