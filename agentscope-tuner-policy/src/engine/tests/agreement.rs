//! The engine against the textbook in f64, and against itself under every other way to run.

use super::{assert_textbook, complete, engine, prompt, requests, small};
use crate::{
    engine::{EngineSettings, Request, Sampling},
    testing::{families, log_sum_exp, reference_logits, tensors, tiny},
};

#[test]
fn greedy_tokens_and_log_probabilities_are_the_textbooks() {
    for config in families() {
        let engine = engine(&config, &small());
        for length in [1, 15, 16, 17, 40] {
            assert_textbook(&engine, &config, length, 1e-4);
        }
    }
}

#[test]
fn the_log_probability_is_that_of_the_tempered_distribution() {
    let config = tiny();
    let (engine, tensors) = (engine(&config, &small()), tensors(&config, 7));
    let sampling = Sampling { temperature: 0.7, top_p: 0.8, top_k: Some(20), ..Sampling::default() };
    let completion =
        complete(&engine, vec![Request { sampling, top_log_probs: 3, ..Request::new(prompt(9, 1), 1) }])
            .remove(0);
    let logits = reference_logits(&config, &tensors, &prompt(9, 1)).pop().unwrap();
    let tempered: Vec<f64> = logits.iter().map(|logit| logit / 0.7).collect();
    let total = log_sum_exp(&tempered);
    let token = &completion.tokens[0];
    assert!((f64::from(token.log_prob) - (tempered[token.id as usize] - total)).abs() < 1e-4);
    let mut ranked: Vec<usize> = (0..67).collect();
    ranked.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    for (top, id) in token.top.iter().zip(ranked) {
        assert_eq!(top.token as usize, id);
        assert!((f64::from(top.log_prob) - (tempered[id] - total)).abs() < 1e-4);
    }
    assert_eq!(token.top.len(), 3);
}

#[test]
fn no_way_to_run_changes_a_bit() {
    for config in families() {
        let alone: Vec<_> = requests()
            .into_iter()
            .map(|request| complete(&engine(&config, &small()), vec![request]).remove(0))
            .collect();
        let settings = [
            EngineSettings { max_sequences: 64, max_rows: 512, ..small() },
            EngineSettings { max_sequences: 3, max_rows: 3, ..small() },
            EngineSettings { threads: Some(3), max_rows: 300, ..small() },
            // So little memory that sequences are put back and read again.
            EngineSettings { cache_bytes: 1, context: Some(80), ..small() },
        ];
        for settings in settings {
            let engine = engine(&config, &settings);
            assert_eq!(complete(&engine, requests()), alone, "{settings:?}");
            assert_eq!(complete(&engine, requests()), alone, "again, from what the cache holds");
        }
    }
}
