//! The policy-gradient losses: value and closed-form gradient, in f64 on the host.

use std::ops::Range;

use super::{
    PolicySettings, Row, Rows, Statistics, Totals,
    algorithm::Level,
    correction::{Importance, differences, keeps_row},
    entropy::high_entropy_mask,
    fused::Evaluation,
};
use crate::error::Result;

/// Beyond this, a log-ratio is counted as this: e²⁰ overflows nothing that follows. As verl has it.
const LARGEST_LOG_RATIO: f64 = 20.0;

/// Loss, gradients and statistics of a micro-batch.
///
/// # Errors
/// As [`policy_loss`](super::policy_loss).
pub(super) fn evaluate(
    settings: &PolicySettings,
    rows: &Rows,
    totals: &Totals,
    log_probs: &[f32],
    entropies: &[f32],
) -> Result<(Evaluation, Statistics)> {
    settings.check()?;
    rows.check(settings, totals, log_probs)?;
    let emphasis = match settings.top_entropy_quantile < 1.0 {
        true => high_entropy_mask(entropies, &rows.mask, 1.0 - settings.top_entropy_quantile),
        false => rows.mask.clone(),
    };
    let mut pass = Pass {
        settings,
        rows,
        evaluation: Evaluation::zero(log_probs.len()),
        statistics: Statistics {
            rows: rows.rows.len(),
            has_reference: rows.reference.is_some(),
            ..Statistics::default()
        },
    };
    let trained = rows.trained();
    for (row, span) in rows.parts(settings.algorithm.level()) {
        let weight = totals.weight(settings, row, trained);
        let tokens = Tokens::new(rows, &span, log_probs, &emphasis);
        let corrections = pass.corrections(row, &tokens);
        pass.surrogate(row, &tokens, &corrections, weight);
        pass.divergence(&tokens, weight);
        pass.count(&tokens);
    }
    pass.statistics.policy_loss = pass.evaluation.policy;
    pass.entropy(entropies, &emphasis, totals.token_weight() * trained as f64);
    pass.statistics.loss = pass.evaluation.loss;
    Ok((pass.evaluation, pass.statistics))
}

/// The tokens of one row, or of one rollout where the ratio is taken over that.
struct Tokens<'a> {
    span: Range<usize>,
    mask: &'a [bool],
    /// Trained, and of high entropy where only those are wanted.
    emphasis: &'a [bool],
    log_probs: Vec<f64>,
    old: Vec<f64>,
    sampler: Option<Vec<f64>>,
    reference: Option<Vec<f64>>,
}

impl<'a> Tokens<'a> {
    fn new(rows: &'a Rows, span: &Range<usize>, log_probs: &[f32], emphasis: &'a [bool]) -> Self {
        let wide = |values: &[f32]| values[span.clone()].iter().copied().map(f64::from).collect();
        Self {
            span: span.clone(),
            mask: &rows.mask[span.clone()],
            emphasis: &emphasis[span.clone()],
            log_probs: wide(log_probs),
            old: wide(rows.old.as_deref().unwrap_or(log_probs)),
            sampler: rows.sampler.as_deref().map(wide),
            reference: rows.reference.as_deref().map(wide),
        }
    }

    /// Trained tokens, by their place among these.
    fn trained(&self) -> impl Iterator<Item = usize> {
        (0..self.mask.len()).filter(|token| self.mask[*token])
    }

    fn log_ratio(&self, token: usize) -> f64 {
        (self.log_probs[token] - self.old[token]).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    }
}

struct Pass<'a> {
    settings: &'a PolicySettings,
    rows: &'a Rows,
    evaluation: Evaluation,
    statistics: Statistics,
}

impl Pass<'_> {
    /// What the surrogate of each token is multiplied by; 0 for tokens without one.
    fn corrections(&mut self, row: Row, tokens: &Tokens<'_>) -> Vec<f64> {
        let mut corrections = vec![1.0; tokens.mask.len()];
        if let Some(sampler) =
            tokens.sampler.as_ref().filter(|_| self.settings.importance != Importance::None)
        {
            corrections = self.settings.importance.weights(&differences(&tokens.old, sampler), tokens.mask);
            self.statistics.importance.extend(tokens.trained().map(|token| corrections[token]));
        }
        if let Some(threshold) = self.settings.off_policy_mask_threshold {
            let drift = differences(tokens.sampler.as_ref().unwrap_or(&tokens.old), &tokens.log_probs);
            if !keeps_row(row.advantage, &drift, tokens.mask, threshold) {
                self.statistics.dropped_rows += 1;
                corrections.fill(0.0);
            }
        }
        for (correction, emphasised) in corrections.iter_mut().zip(tokens.emphasis) {
            *correction = if *emphasised { *correction } else { 0.0 };
        }
        corrections
    }

    fn surrogate(&mut self, row: Row, tokens: &Tokens<'_>, corrections: &[f64], weight: f64) {
        let count = tokens.trained().count().max(1) as f64;
        let level = self.settings.algorithm.level();
        if level == Level::Token {
            for token in tokens.trained() {
                let term =
                    self.settings.term(tokens.log_ratio(token), tokens.log_probs[token], row.advantage);
                let weight = weight * corrections[token];
                self.evaluation.policy += weight * term.value;
                self.evaluation.dlog_probs[tokens.span.start + token] += weight * term.slope;
                self.statistics.count(term.clipped);
            }
            return;
        }
        // One ratio for the rollout: its log is the mean, or the sum, of the tokens'.
        let per_token = if level == Level::SequenceMean { 1.0 / count } else { 1.0 };
        let log_ratio: f64 = tokens.trained().map(|token| tokens.log_ratio(token) * per_token).sum();
        let log_ratio = log_ratio.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO);
        let term = self.settings.term(log_ratio, 0.0, row.advantage);
        let corrected: f64 = corrections.iter().sum();
        let weight = weight * if level == Level::SequenceMean { corrected } else { corrected / count };
        self.evaluation.policy += weight * term.value;
        for token in tokens.trained() {
            self.evaluation.dlog_probs[tokens.span.start + token] += weight * term.slope * per_token;
        }
        self.statistics.count(term.clipped);
    }

    fn divergence(&mut self, tokens: &Tokens<'_>, weight: f64) {
        let Some(reference) = &tokens.reference else { return };
        for token in tokens.trained() {
            let difference = (reference[token] - tokens.log_probs[token]).min(LARGEST_LOG_RATIO);
            let kl = difference.exp() - difference - 1.0;
            self.statistics.kl += kl;
            let weight = weight * self.settings.beta;
            self.evaluation.loss += weight * kl;
            self.evaluation.dlog_probs[tokens.span.start + token] += weight * (1.0 - difference.exp());
        }
    }

    fn count(&mut self, tokens: &Tokens<'_>) {
        let trained = tokens.trained().count();
        self.statistics.trained_tokens += trained;
        self.statistics.masked_tokens += tokens.mask.len() - trained;
        self.statistics.log_ratios.extend(tokens.trained().map(|token| tokens.log_ratio(token)));
        for (token, sampler) in
            tokens.sampler.iter().flat_map(|all| tokens.trained().map(|token| (token, all[token])))
        {
            if !sampler.is_nan() {
                self.statistics.compare(tokens.old[token] - sampler);
            }
        }
    }

    /// Rewards the mean entropy of the emphasised tokens; `share` of the step's tokens are in this micro-batch.
    fn entropy(&mut self, entropies: &[f32], emphasis: &[bool], share: f64) {
        let entropy = |token: usize| f64::from(entropies[token]);
        self.statistics.entropy =
            (0..entropies.len()).filter(|token| self.rows.mask[*token]).map(entropy).sum();
        let count = emphasis.iter().filter(|emphasised| **emphasised).count();
        let weight = -self.settings.entropy_coef * share / count.max(1) as f64;
        self.evaluation.loss += self.evaluation.policy;
        if weight == 0.0 {
            return;
        }
        for token in (0..entropies.len()).filter(|token| emphasis[*token]) {
            self.evaluation.loss += weight * entropy(token);
            self.evaluation.dentropies[token] = weight;
        }
    }
}
