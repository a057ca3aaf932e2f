//! The sampler against distributions in closed form.

use crate::{
    engine::{
        Sampling,
        sampler::{Limits, Sampler},
    },
    testing::numbers,
};

/// How often each token is drawn when `uniform` runs through `draws` equal steps.
fn frequencies(logits: &[f32], sampling: &Sampling, limits: Limits<'_>, draws: usize) -> Vec<f64> {
    let mut sampler = Sampler::new(logits.len());
    let mut counts = vec![0.0; logits.len()];
    for step in 0..draws {
        let uniform = (step as f64 + 0.5) / draws as f64;
        let sampled = sampler.sample(logits, sampling, limits, uniform, &mut Vec::new(), 0).unwrap();
        counts[sampled.token as usize] += 1.0 / draws as f64;
    }
    counts
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let weights: Vec<f64> = logits.iter().map(|z| f64::from(*z).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

#[track_caller]
fn assert_close(frequencies: &[f64], exact: &[f64], tolerance: f64) {
    for (token, (seen, exact)) in frequencies.iter().zip(exact).enumerate() {
        assert!((seen - exact).abs() < tolerance, "token {token}: {seen}, not {exact}");
    }
}

#[test]
fn tokens_are_drawn_by_their_probability() {
    // More than one chunk, and not a whole number of vectors.
    let logits: Vec<f32> = numbers(1203, 1).iter().map(|x| x * 6.0).collect();
    let seen = frequencies(&logits, &Sampling::default(), Limits::default(), 20_000);
    assert_close(&seen, &softmax(&logits), 1.1 / 20_000.0);
    let halved: Vec<f32> = logits.iter().map(|z| z / 2.0).collect();
    let sampling = Sampling { temperature: 2.0, ..Sampling::default() };
    assert_close(
        &frequencies(&logits, &sampling, Limits::default(), 20_000),
        &softmax(&halved),
        1.1 / 20_000.0,
    );
}

/// Logits whose probabilities are .4, .3, .2 and .1.
fn four() -> [f32; 4] {
    [0.4_f32, 0.3, 0.2, 0.1].map(f32::ln)
}

#[test]
fn truncation_keeps_what_it_names() {
    let cases = [
        (Sampling { top_k: Some(2), ..Sampling::default() }, [4.0 / 7.0, 3.0 / 7.0, 0.0, 0.0]),
        (Sampling { top_p: 0.69, ..Sampling::default() }, [4.0 / 7.0, 3.0 / 7.0, 0.0, 0.0]),
        (Sampling { top_p: 0.71, ..Sampling::default() }, [4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0, 0.0]),
        (Sampling { top_p: 1e-6, ..Sampling::default() }, [1.0, 0.0, 0.0, 0.0]),
        (Sampling { min_p: 0.49, ..Sampling::default() }, [4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0, 0.0]),
        (Sampling { min_p: 0.51, ..Sampling::default() }, [4.0 / 7.0, 3.0 / 7.0, 0.0, 0.0]),
        (Sampling { temperature: 0.0, ..Sampling::default() }, [1.0, 0.0, 0.0, 0.0]),
    ];
    for (sampling, exact) in cases {
        assert_close(&frequencies(&four(), &sampling, Limits::default(), 10_000), &exact, 2e-4);
    }
}

#[test]
fn masks_and_penalties_reweigh() {
    let allowed = Limits { allowed: Some(&[0b1010]), ..Limits::default() };
    assert_close(&frequencies(&four(), &Sampling::default(), allowed, 10_000), &[0.0, 0.75, 0.0, 0.25], 2e-4);
    // Negative logits of seen tokens are multiplied, positive ones divided.
    let logits = [2.0, 1.0, -1.0, 0.5];
    let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
    let seen = Limits { seen: Some(&[0b0101]), ..Limits::default() };
    let exact = softmax(&[1.0, 1.0, -2.0, 0.5]);
    assert_close(&frequencies(&logits, &sampling, seen, 10_000), &exact, 2e-4);
}

#[test]
fn the_most_likely_token_is_the_first_of_equals() {
    let mut logits = numbers(700, 9);
    logits[650] = 5.0;
    logits[651] = 5.0;
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    let masked = Limits { allowed: Some(&[u32::MAX; 22]), ..Limits::default() };
    for limits in [Limits::default(), masked] {
        let mut top = Vec::new();
        let sampled = Sampler::new(700).sample(&logits, &sampling, limits, 0.9, &mut top, 2).unwrap();
        assert_eq!(sampled.token, 650);
        assert_eq!([top[0].token, top[1].token], [650, 651]);
        assert_eq!(sampled.log_prob, top[0].log_prob);
    }
}
