//! What a loss has to say about a batch. A loss of 0 is no news (it is 0 wherever ρ is 1); these are.

use super::{entropy::quantile, surrogate::Clipped};

/// Counts and sums of a policy-gradient loss, over one micro-batch or, [merged](Self::merge), over several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// What is minimised.
    pub loss: f64,
    /// The surrogate alone, without divergence and entropy.
    pub policy_loss: f64,
    /// Tokens that the loss trains.
    pub trained_tokens: usize,
    /// Tokens that it leaves alone: prompts, tool results, truncated ends.
    pub masked_tokens: usize,
    /// Rows.
    pub rows: usize,
    /// Rows that the off-policy mask dropped; of gspo and rloo, rollouts.
    pub dropped_rows: usize,
    pub(super) has_reference: bool,
    pub(super) kl: f64,
    pub(super) entropy: f64,
    /// Ratios that could be clipped: of tokens or of rollouts.
    pub(super) ratios: usize,
    pub(super) clipped_low: usize,
    pub(super) clipped_high: usize,
    /// lp − old of every trained token.
    pub(super) log_ratios: Vec<f64>,
    /// The largest |old − sampler| of a trained token; none where the sampler's are unknown.
    pub(super) sampler_gap: Option<f64>,
    /// Tokens whose exp(old − sampler) lies outside 0.9..=1.1.
    pub(super) sampler_outside: usize,
    /// exp(old − sampler), bounded, of every trained token; empty without a correction.
    pub(super) importance: Vec<f64>,
}

impl Statistics {
    pub(super) fn count(&mut self, clipped: Clipped) {
        self.ratios += 1;
        match clipped {
            Clipped::No => {}
            Clipped::Low => self.clipped_low += 1,
            Clipped::High => self.clipped_high += 1,
        }
    }

    /// Adds the micro-batch `other` of the same step.
    pub fn merge(&mut self, other: Self) {
        self.loss += other.loss;
        self.policy_loss += other.policy_loss;
        self.trained_tokens += other.trained_tokens;
        self.masked_tokens += other.masked_tokens;
        self.rows += other.rows;
        self.dropped_rows += other.dropped_rows;
        self.has_reference |= other.has_reference;
        self.kl += other.kl;
        self.entropy += other.entropy;
        self.ratios += other.ratios;
        self.clipped_low += other.clipped_low;
        self.clipped_high += other.clipped_high;
        self.log_ratios.extend(other.log_ratios);
        self.importance.extend(other.importance);
        self.sampler_gap = self.sampler_gap.into_iter().chain(other.sampler_gap).reduce(f64::max);
        self.sampler_outside += other.sampler_outside;
    }

    /// Takes note of old − sampler of a trained token.
    pub(super) fn compare(&mut self, difference: f64) {
        self.sampler_gap = Some(self.sampler_gap.map_or(difference.abs(), |gap| gap.max(difference.abs())));
        self.sampler_outside += usize::from(!(0.9..=1.1).contains(&difference.exp()));
    }

    /// The largest difference between the log-probability that the sampler reported for a token and the trainer's own, in
    /// nats; none where the sampler reported none.
    pub fn sampler_gap(&self) -> Option<f64> {
        self.sampler_gap
    }

    /// Share of tokens whose probability the trainer sees as more than a tenth away from the sampler's: 0 as long as both
    /// have the same weights.
    pub fn sampler_outside(&self) -> f64 {
        share(self.sampler_outside as f64, self.trained_tokens)
    }

    /// Mean divergence from the reference in nats a token; none without one.
    pub fn kl(&self) -> Option<f64> {
        self.has_reference.then(|| share(self.kl, self.trained_tokens))
    }

    /// Mean entropy in nats a token.
    pub fn entropy(&self) -> f64 {
        share(self.entropy, self.trained_tokens)
    }

    /// The `q`-quantile of the tokens' ratios π/π_old; none without a trained token.
    pub fn ratio_quantile(&self, q: f64) -> Option<f64> {
        let mut sorted = self.log_ratios.clone();
        sorted.sort_by(f64::total_cmp);
        quantile(&sorted, q).map(f64::exp)
    }

    /// Share of tokens whose ratio lies outside 0.9..=1.1: on the first step of an update it shows how far sampler and
    /// trainer disagree.
    pub fn ratio_outside(&self) -> f64 {
        let outside = self.log_ratios.iter().filter(|log| !(0.9..=1.1).contains(&log.exp())).count();
        share(outside as f64, self.trained_tokens)
    }

    /// Name and value of each, as a monitor shows them; TRL's names where it has one.
    pub fn named(&self) -> Vec<(&'static str, f64)> {
        let clip = |count: usize| share(count as f64, self.ratios);
        let all_tokens = self.trained_tokens + self.masked_tokens;
        let mut named = vec![
            ("loss", self.loss),
            ("policy_loss", self.policy_loss),
            ("entropy", self.entropy()),
            ("clip_ratio/low_mean", clip(self.clipped_low)),
            ("clip_ratio/high_mean", clip(self.clipped_high)),
            ("clip_ratio/region_mean", clip(self.clipped_low + self.clipped_high)),
            ("tokens/trained", self.trained_tokens as f64),
            ("tokens/masked_share", share(self.masked_tokens as f64, all_tokens)),
            ("off_policy/dropped_share", share(self.dropped_rows as f64, self.rows)),
            ("ratio/outside_0.9_1.1", self.ratio_outside()),
        ];
        named.extend(self.kl().map(|kl| ("kl", kl)));
        let mut sorted = self.log_ratios.clone();
        sorted.sort_by(f64::total_cmp);
        for (name, q) in [
            ("ratio/min", 0.0),
            ("ratio/p01", 0.01),
            ("ratio/p50", 0.5),
            ("ratio/p99", 0.99),
            ("ratio/max", 1.0),
        ] {
            named.extend(quantile(&sorted, q).map(|log| (name, log.exp())));
        }
        if let Some(gap) = self.sampler_gap {
            named.push(("sampling/sampling_logp_difference/max", gap));
            named.push(("sampling/outside_0.9_1.1", self.sampler_outside()));
        }
        let mut sorted = self.importance.clone();
        sorted.sort_by(f64::total_cmp);
        if let (Some(min), Some(max)) = (sorted.first(), sorted.last()) {
            named.push(("sampling/importance_sampling_ratio/min", *min));
            let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
            named.push(("sampling/importance_sampling_ratio/mean", mean));
            named.push(("sampling/importance_sampling_ratio/max", *max));
        }
        named
    }
}

fn share(part: f64, whole: usize) -> f64 {
    part / whole.max(1) as f64
}
