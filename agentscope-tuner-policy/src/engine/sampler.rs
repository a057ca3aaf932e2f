//! From logits to one token.

use crate::{
    engine::request::{Sampling, TopLogProb},
    error::{Error, ErrorKind, Result},
    kernels::{math, vectorized},
};

/// Logits summed at once: a token is first sought among these sums, then within one of them.
const CHUNK: usize = 512;

/// Lanes of a sum.
const LANES: usize = 16;

/// Memory of the sampler, sized once for a vocabulary.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// Sum of e^(z - max) over each chunk.
    sums: Vec<f64>,
    /// Tokens still possible, with z = logit / temperature.
    candidates: Vec<(f32, u32)>,
}

/// What limits the choice besides [`Sampling`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits<'a> {
    /// Bit per token: it is in the prompt or was sampled. For the repetition penalty.
    pub(crate) seen: Option<&'a [u32]>,
    /// Bit per token: it may be sampled.
    pub(crate) allowed: Option<&'a [u32]>,
}

/// A sampled token and its log-probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampled {
    pub(crate) token: u32,
    pub(crate) log_prob: f32,
}

/// The tempered distribution: z = logit / temperature, and log Σ e^z.
struct Tempered<'a> {
    logits: &'a [f32],
    inverse: f32,
    highest: f32,
    log_sum: f64,
}

/// The error of logits that no token can be drawn from.
pub(crate) fn diverged() -> Error {
    let message = "the model's logits are not finite: its weights have diverged; load an earlier checkpoint";
    Error::new(ErrorKind::Numeric, message)
}

impl Sampler {
    pub(crate) fn new(vocabulary: usize) -> Self {
        Self { sums: vec![0.0; vocabulary.div_ceil(CHUNK)], candidates: Vec::with_capacity(vocabulary) }
    }

    /// Draws a token where the uniform number is `uniform`, in [0, 1); fills `top` with the most likely tokens.
    ///
    /// The log-probability is that of the tempered distribution over the whole vocabulary (at temperature 0: of the
    /// distribution at 1), before penalties, masks and truncation: what a policy gradient differentiates.
    pub(crate) fn sample(
        &mut self,
        logits: &[f32],
        sampling: &Sampling,
        limits: Limits<'_>,
        uniform: f64,
        top: &mut Vec<TopLogProb>,
        wanted: usize,
    ) -> Result<Sampled> {
        let inverse = if sampling.temperature > 0.0 { 1.0 / sampling.temperature } else { 1.0 };
        let tempered = Tempered::new(logits, inverse, &mut self.sums)?;
        self.rank(&tempered, wanted, top);
        let free = limits.seen.is_none() && limits.allowed.is_none() && !sampling.truncates();
        let token = match (free, sampling.temperature > 0.0) {
            (true, true) => tempered.draw(&self.sums, uniform),
            (true, false) => tempered.argmax(),
            (false, greedy) => {
                self.draw_limited(&tempered, sampling, limits, if greedy { uniform } else { 0.0 })?
            }
        };
        Ok(Sampled { token, log_prob: tempered.log_prob(token) })
    }

    /// The `wanted` most likely tokens, most likely first.
    fn rank(&mut self, tempered: &Tempered<'_>, wanted: usize, top: &mut Vec<TopLogProb>) {
        if wanted == 0 {
            return;
        }
        self.candidates.clear();
        self.candidates.extend(tempered.logits.iter().zip(0..).map(|(logit, id)| (*logit, id)));
        let kept = keep_highest(&mut self.candidates, wanted);
        top.extend(
            kept.iter().map(|(_, token)| TopLogProb { token: *token, log_prob: tempered.log_prob(*token) }),
        );
    }

    /// Penalties and masks, then temperature, top-k, top-p and min-p, in the order of Hugging Face's processors.
    fn draw_limited(
        &mut self,
        tempered: &Tempered<'_>,
        sampling: &Sampling,
        limits: Limits<'_>,
        uniform: f64,
    ) -> Result<u32> {
        self.candidates.clear();
        // An embedding may have more rows than the tokenizer, and so than a mask, has tokens.
        let is_set =
            |bits: &[u32], id: u32| bits.get(id as usize / 32).is_some_and(|word| word >> (id % 32) & 1 == 1);
        for (logit, id) in tempered.logits.iter().zip(0..) {
            if limits.allowed.is_some_and(|allowed| !is_set(allowed, id)) {
                continue;
            }
            let repeated = limits.seen.is_some_and(|seen| is_set(seen, id));
            let penalty = if repeated { sampling.repetition_penalty } else { 1.0 };
            let logit = if *logit > 0.0 { logit / penalty } else { logit * penalty };
            self.candidates.push((logit * tempered.inverse, id));
        }
        if self.candidates.is_empty() {
            return Err(Error::new(ErrorKind::Request, "the constraint allows no token at all"));
        }
        let wanted = if sampling.temperature > 0.0 { sampling.top_k.unwrap_or(usize::MAX) } else { 1 };
        let kept = keep_highest(&mut self.candidates, wanted);
        Ok(draw_from(truncate(kept, sampling), uniform))
    }
}

impl<'a> Tempered<'a> {
    fn new(logits: &'a [f32], inverse: f32, sums: &mut [f64]) -> Result<Self> {
        let highest = vectorized(
            #[inline(always)]
            || maximum(logits),
        ) * inverse;
        let mut tempered = Self { logits, inverse, highest, log_sum: 0.0 };
        vectorized(
            #[inline(always)]
            || {
                for (sum, chunk) in sums.iter_mut().zip(logits.chunks(CHUNK)) {
                    *sum = f64::from(tempered.sum_of_exponentials(chunk));
                }
            },
        );
        tempered.log_sum = f64::from(highest) + sums.iter().sum::<f64>().ln();
        if tempered.log_sum.is_finite() { Ok(tempered) } else { Err(diverged()) }
    }

    #[inline(always)]
    fn sum_of_exponentials(&self, logits: &[f32]) -> f32 {
        let (blocks, rest) = logits.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for block in blocks {
            for lane in 0..LANES {
                sums[lane] += math::exp(block[lane].mul_add(self.inverse, -self.highest));
            }
        }
        for (sum, logit) in sums.iter_mut().zip(rest) {
            *sum += math::exp(logit.mul_add(self.inverse, -self.highest));
        }
        sums.iter().sum()
    }

    fn log_prob(&self, token: u32) -> f32 {
        (f64::from(self.logits[token as usize]) * f64::from(self.inverse) - self.log_sum) as f32
    }

    fn argmax(&self) -> u32 {
        let highest = maximum(self.logits);
        self.logits.iter().position(|logit| *logit == highest).unwrap_or_default() as u32
    }

    /// Inverse of the cumulative distribution, in the order of the tokens.
    fn draw(&self, sums: &[f64], uniform: f64) -> u32 {
        let mut left = uniform * sums.iter().sum::<f64>();
        let mut chunk = 0;
        while chunk + 1 < sums.len() && left >= sums[chunk] {
            left -= sums[chunk];
            chunk += 1;
        }
        let start = chunk * CHUNK;
        let logits = &self.logits[start..self.logits.len().min(start + CHUNK)];
        for (offset, logit) in logits.iter().enumerate() {
            left -= f64::from(math::exp(logit.mul_add(self.inverse, -self.highest)));
            if left < 0.0 {
                return (start + offset) as u32;
            }
        }
        // Rounding left a crumb beyond the last token of the chunk: its most likely one stands for it.
        (start + argmax_of(logits)) as u32
    }
}

#[inline(always)]
fn maximum(values: &[f32]) -> f32 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut highest = [f32::NEG_INFINITY; LANES];
    for block in blocks {
        for lane in 0..LANES {
            highest[lane] = highest[lane].max(block[lane]);
        }
    }
    highest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

fn argmax_of(values: &[f32]) -> usize {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]).then(b.cmp(a))).unwrap_or_default()
}

/// The `count` highest candidates, highest first; among equals the lower id is the higher.
fn keep_highest(candidates: &mut [(f32, u32)], count: usize) -> &mut [(f32, u32)] {
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let kept = match count {
        count if count < candidates.len() => {
            candidates.select_nth_unstable_by(count, order);
            &mut candidates[..count]
        }
        _ => candidates,
    };
    kept.sort_unstable_by(order);
    kept
}

/// Cuts sorted candidates to the nucleus and to those likely enough beside the first.
fn truncate<'a>(candidates: &'a [(f32, u32)], sampling: &Sampling) -> &'a [(f32, u32)] {
    let weight = |z: f32| f64::from(z - candidates[0].0).exp();
    let total: f64 = candidates.iter().map(|(z, _)| weight(*z)).sum();
    let mut mass = 0.0;
    let nucleus = candidates
        .iter()
        .take_while(|(z, _)| {
            let inside = mass < f64::from(sampling.top_p) * total;
            mass += weight(*z);
            inside
        })
        .count();
    let likely = candidates.iter().take_while(|(z, _)| weight(*z) >= f64::from(sampling.min_p)).count();
    &candidates[..nucleus.min(likely).max(1)]
}

fn draw_from(candidates: &[(f32, u32)], uniform: f64) -> u32 {
    let weight = |z: f32| f64::from(z - candidates[0].0).exp();
    let mut left = uniform * candidates.iter().map(|(z, _)| weight(*z)).sum::<f64>();
    for (z, token) in candidates {
        left -= weight(*z);
        if left < 0.0 {
            return *token;
        }
    }
    candidates[0].1
}
