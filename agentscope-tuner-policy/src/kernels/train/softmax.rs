//! Log-probability of a target and entropy from logits that are seen one block of columns at a time.
//!
//! With l the logits of a row (already divided by the temperature), m their maximum, Z = Σ eˡ⁻ᵐ and S = Σ (l−m) eˡ⁻ᵐ:
//! log p_t = l_t − m − ln Z and H = ln Z − S / Z; for p = eˡ⁻ᵐ / Z the gradients are
//! ∂log p_t / ∂l_j = 1(j = t) − p_j and ∂H / ∂l_j = −p_j (ln p_j + H).

use rayon::prelude::*;

use super::{LogitsBlock, SOFTMAX_STATE, parallel::rows_per_task, reduce};
use crate::kernels::{math, vectorized};

/// Takes a block into the state of its rows.
pub(super) fn block(logits: &[f32], block: LogitsBlock, targets: &[u32], state: &mut [f32]) {
    let LogitsBlock { rows, first_row, columns, first_column } = block;
    let task = rows_per_task(columns);
    let state = &mut state[first_row * SOFTMAX_STATE..][..rows * SOFTMAX_STATE];
    state
        .par_chunks_mut(task * SOFTMAX_STATE)
        .zip(logits[..rows * columns].par_chunks(task * columns))
        .zip(targets[first_row..][..rows].par_chunks(task))
        .for_each(|((state, logits), targets)| {
            let (state, _) = state.as_chunks_mut::<SOFTMAX_STATE>();
            vectorized(
                #[inline(always)]
                || {
                    for ((state, row), target) in
                        state.iter_mut().zip(logits.chunks_exact(columns)).zip(targets)
                    {
                        update(state, row);
                        if let Some(logit) =
                            (*target as usize).checked_sub(first_column).and_then(|i| row.get(i))
                        {
                            state[3] = *logit;
                        }
                    }
                },
            );
        });
}

#[inline(always)]
fn update(state: &mut [f32; SOFTMAX_STATE], row: &[f32]) {
    let [old, sum, weighted, _] = *state;
    let max = reduce::max(row).max(old);
    let (mut block_sum, mut block_weighted) = ([0.0_f32; 16], [0.0_f32; 16]);
    let (chunks, rest) = row.as_chunks::<16>();
    for chunk in chunks {
        for lane in 0..16 {
            let shifted = chunk[lane] - max;
            let e = math::exp(shifted);
            block_sum[lane] += e;
            block_weighted[lane] += shifted * e;
        }
    }
    for (lane, logit) in rest.iter().enumerate() {
        let e = math::exp(logit - max);
        block_sum[lane] += e;
        block_weighted[lane] += (logit - max) * e;
    }
    state[0] = max;
    (state[1], state[2]) = (reduce::sum(&block_sum), reduce::sum(&block_weighted));
    // What was summed against the old maximum: Σ (l−m') eˡ⁻ᵐ' = eᵐ⁻ᵐ' (S + (m−m') Z).
    if old > f32::NEG_INFINITY {
        let factor = math::exp(old - max);
        state[1] += factor * sum;
        state[2] += factor * (weighted + (old - max) * sum);
    }
}

/// Log-probability and entropy of each row.
pub(super) fn finish(state: &[f32], log_probs: &mut [f32], entropies: &mut [f32]) {
    let (state, _) = state.as_chunks::<SOFTMAX_STATE>();
    for (([max, sum, weighted, target], log_prob), entropy) in state.iter().zip(log_probs).zip(entropies) {
        let log_sum = sum.ln();
        *log_prob = target - max - log_sum;
        *entropy = log_sum - weighted / sum;
    }
}

/// Turns a block of logits into their gradients.
pub(super) fn block_backward(
    logits: &mut [f32],
    block: LogitsBlock,
    targets: &[u32],
    state: &[f32],
    [dlog_probs, dentropies]: [&[f32]; 2],
) {
    let LogitsBlock { rows, first_row, columns, first_column } = block;
    let task = rows_per_task(columns);
    let (state, _) = state.as_chunks::<SOFTMAX_STATE>();
    logits[..rows * columns].par_chunks_mut(task * columns).enumerate().for_each(|(index, logits)| {
        vectorized(
            #[inline(always)]
            || {
                for (offset, logits) in logits.chunks_exact_mut(columns).enumerate() {
                    let row = first_row + index * task + offset;
                    let (dlog_prob, dentropy) = (dlog_probs[row], dentropies[row]);
                    gradients(logits, &state[row], dlog_prob, dentropy);
                    let target = (targets[row] as usize).checked_sub(first_column);
                    if let Some(logit) = target.and_then(|column| logits.get_mut(column)) {
                        *logit += dlog_prob;
                    }
                }
            },
        );
    });
}

/// −p (dlog_prob + dentropy (ln p + H)), the part of the gradient that all columns share.
#[inline(always)]
fn gradients(logits: &mut [f32], state: &[f32; SOFTMAX_STATE], dlog_prob: f32, dentropy: f32) {
    let [max, sum, weighted, _] = *state;
    let inverse = 1.0 / sum;
    // ln p + H = l − m − ln Z + ln Z − S / Z.
    let shift = weighted * inverse;
    if dentropy == 0.0 {
        let factor = -inverse * dlog_prob;
        for logit in logits {
            *logit = factor * math::exp(*logit - max);
        }
        return;
    }
    for logit in logits {
        let shifted = *logit - max;
        *logit = -inverse * math::exp(shifted) * (dlog_prob + dentropy * (shifted - shift));
    }
}
