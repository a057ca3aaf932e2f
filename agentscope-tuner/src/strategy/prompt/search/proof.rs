//! What the comparison at the end needs, and whether the search should leave it more.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::Search;
use crate::strategy::statistics::{deviation, mean};

/// Share of runs in which the comparison is to show a lead.
const POWER: f64 = 0.9;
/// What is left of a lead on other rows: who leads was also lucky.
const REGRESSION: f64 = 0.6;
/// Pairs, at least.
const LEAST: f64 = 12.0;
/// Share of what the champion lacks of the highest reward that a further round is hoped to win.
const HOPE: f64 = 0.1;

/// By how much the champion is expected to lead the seed on other rows, and the standard deviation of the differences.
#[derive(Clone, Copy, Debug)]
struct Lead {
    mean: f64,
    deviation: f64,
}

impl Lead {
    /// The probability that so many pairs show it, if it is one, to a one-sided test at `confidence`.
    fn power(self, pairs: f64, confidence: f64) -> f64 {
        let noise = self.deviation.max(f64::EPSILON) / pairs.max(1.0).sqrt();
        let normal = Normal::standard();
        normal.cdf(self.mean / noise - normal.inverse_cdf(confidence))
    }

    /// Pairs that show it with this power.
    fn pairs(self, power: f64, confidence: f64) -> f64 {
        let normal = Normal::standard();
        let wanted = normal.inverse_cdf(confidence) + normal.inverse_cdf(power);
        (wanted * self.deviation / self.mean).powi(2).ceil()
    }
}

impl Search<'_> {
    /// Rollouts that the search leaves to the comparison: those that show the lead of the champion, at most what is planned.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 12, and saturating"
    )]
    pub(in super::super) fn reserved(&self) -> u64 {
        let planned = self.planned.0;
        // Where all rows are planned for, the search has enough as well: what it would gain, a noisy judge would cost.
        if planned >= 2 * self.plan.held.len() as u64 {
            return planned;
        }
        let pairs = self.lead().map(|lead| lead.pairs(POWER, self.settings.confidence).max(LEAST));
        pairs.map_or(planned, |pairs| planned.min(2 * pairs as u64))
    }

    /// Whether the rollouts of another round are worth more to the comparison: the lead that is expected to be *shown*, lead times
    /// power, would shrink by them even if the round brought what is hoped of it.
    pub(super) fn is_to_be_proved(&self) -> bool {
        let Some(lead) = self.lead() else { return false };
        let left = self.lab.purse.rollouts_left().saturating_sub(self.planned.1);
        let round =
            self.parallel() * (self.rows.len() * self.attempts as usize + self.settings.minibatch + 1);
        let then = Lead { mean: lead.mean + HOPE * self.lacks(), ..lead };
        let shown =
            |lead: Lead, rollouts| lead.mean * lead.power(self.pairs(rollouts), self.settings.confidence);
        shown(then, left.saturating_sub(round as u64)) < shown(lead, left)
    }

    /// Pairs that so many rollouts are worth to the comparison. To run a row again tells something only where rewards are known to
    /// change from run to run.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn pairs(&self, rollouts: u64) -> f64 {
        let pairs = rollouts as f64 / 2.0;
        if self.attempts > 1 { pairs } else { pairs.min(self.held.len() as f64) }
    }

    /// What the champion lacks of the highest reward, less the standard error of that: what a judge that errs withholds is not to
    /// be won.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn lacks(&self) -> f64 {
        let rewards = self.rewards(&self.pool[self.champion()].candidate);
        let highest = self.lab.board.range().map_or(0.0, |(_, high)| high);
        let error = deviation(&rewards).unwrap_or_default() / (rewards.len().max(1) as f64).sqrt();
        mean(&rewards).map_or(0.0, |mean| (highest - mean - error).max(0.0))
    }

    fn lead(&self) -> Option<Lead> {
        let [own, seeds] = [self.champion(), 0].map(|one| self.worths(&self.pool[one].candidate));
        let pair = |(own, seed): (Option<f64>, Option<f64>)| Some(own? - seed?);
        let differences: Vec<f64> = own.into_iter().zip(seeds).filter_map(pair).collect();
        let mean = REGRESSION * mean(&differences).filter(|lead| *lead > 0.0)?;
        deviation(&differences).map(|deviation| Lead { mean, deviation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_pairs_as_the_textbook_asks_have_the_power_that_was_wanted() {
        // ((1.6449 + 1.2816) · 0.6 / 0.3)² = 34.26, so 35 pairs.
        let lead = Lead { mean: 0.3, deviation: 0.6 };
        assert_eq!(lead.pairs(0.9, 0.95), 35.0);
        assert!(lead.power(35.0, 0.95) >= 0.9 && lead.power(34.0, 0.95) < 0.9);
        // Where nothing leads, a test shows something as often as it errs.
        let none = Lead { mean: 0.0, deviation: 0.6 };
        assert!((none.power(35.0, 0.95) - 0.05).abs() < 1e-9);
    }
}
