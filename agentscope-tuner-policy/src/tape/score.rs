//! How likely a model finds what somebody else sampled.

use dfdx::tensor::NoneTape;

use super::{Batch, ForwardSettings, Kernels, Targets, forward, log_probs};
use crate::{config::PolicyConfig, error::Result, params::Params};

/// Logits up to so many bytes are computed at once.
const LOGITS_BYTES: usize = 1 << 28;

/// Log-probability of each of `sampled`, in nats, where they follow `prompt` and each other, under softmax(logits /
/// `temperature`). Nothing where the prompt is empty.
///
/// # Errors
/// When a token does not exist, `temperature` is not a positive number, or the device has no memory left.
pub fn score<D: Kernels>(
    config: &PolicyConfig,
    params: &Params<D>,
    prompt: &[u32],
    sampled: &[u32],
    temperature: f32,
) -> Result<Vec<f32>> {
    let Some(last) = prompt.len().checked_sub(1) else { return Ok(Vec::new()) };
    let batch = Batch::new([[prompt, sampled].concat()]);
    let rows = (last..last + sampled.len()).map(|row| row as u32).collect();
    let targets = Targets::new(rows, sampled.to_vec())?;
    let hidden = forward(config, params, None, &batch, NoneTape, ForwardSettings::default())?;
    let projection = params.output_projection();
    Ok(log_probs(hidden, projection, &targets, temperature, LOGITS_BYTES)?.log_probs.as_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{log_sum_exp, params, reference_logits, tensors, tiny};

    #[test]
    fn each_token_is_as_likely_as_plain_arithmetic_says() {
        let (config, temperature) = (tiny(), 0.7);
        let (prompt, sampled) = ([3, 1, 4, 1], [5, 9, 2]);
        let ours = score(&config, &params(&config, 5), &prompt, &sampled, temperature).unwrap();
        let logits = reference_logits(&config, &tensors(&config, 5), &[&prompt[..], &sampled].concat());
        assert_eq!(ours.len(), sampled.len());
        for ((ours, token), row) in ours.iter().zip(sampled).zip(&logits[prompt.len() - 1..]) {
            let tempered: Vec<f64> = row.iter().map(|logit| logit / f64::from(temperature)).collect();
            let expected = tempered[token as usize] - log_sum_exp(&tempered);
            assert!((f64::from(*ours) - expected).abs() < 1e-4, "{ours} {expected}");
        }
        assert!(score(&config, &params(&config, 5), &[], &sampled, 1.0).unwrap().is_empty());
        assert!(score(&config, &params(&config, 5), &prompt, &[67], 1.0).is_err());
    }
}
