//! Each operation against its plain twin.

use std::sync::Arc;

use dfdx::{prelude::SumTo, tensor::OwnedTape, tensor_ops::Backward};

use super::{
    harness::{
        TestDevice, assert_close, check, host, numbers, on_every_device, param, slopes, traced, values, wide,
    },
    reference::{self, Attention},
};
use crate::{
    config::{Architecture, PolicyConfig, RopeScaling},
    kernels::train::Heads,
    tape::{
        Adapter, Targets,
        attention::{self, Packing},
        embedding, gradient,
        linear::{Linear, linear},
        log_probs, norm, swiglu,
    },
};

on_every_device! {
    rms_norm,
    swiglu_of_stacked_halves,
    embedding_with_repeated_tokens,
    linear_with_bias_and_residual,
    two_adapters_on_rows_of_one_matrix,
    a_frozen_weight_has_no_gradient_but_passes_one_on,
    log_probabilities_in_blocks_of_rows_and_columns,
    a_temperature_must_be_positive,
    attention_within_each_sequence,
    attention_of_grouped_heads_and_of_windows,
    attention_of_normalised_heads,
    attention_over_several_blocks_and_segments,
}

fn by_rows(values: &[f64], columns: usize, f: impl Fn(usize, &[f64]) -> Vec<f64>) -> Vec<f64> {
    values.chunks(columns).enumerate().flat_map(|(row, x)| f(row, x)).collect()
}

fn rms_norm<D: TestDevice>() {
    for (rows, columns) in [(1, 2), (3, 7), (5, 33), (40, 600)] {
        let inputs = [param::<D>(1, rows, columns), param::<D>(2, 1, columns)];
        if rows * columns > 1000 {
            // Many tasks, too large for central differences: only the values.
            let x = wide(&values(&inputs[0]));
            let scale = wide(&values(&inputs[1]));
            let exact = by_rows(&x, columns, |_, x| reference::rms_norm(x, &scale, 1e-5));
            let y = norm::rms_norm(traced(&inputs[0]), &inputs[1], 1e-5).unwrap();
            assert_close("value", &host(y.device(), y.value()), &exact, 2e-6);
            continue;
        }
        check(
            &inputs,
            |x| by_rows(&x[0], columns, |_, row| reference::rms_norm(row, &x[1], 1e-5)),
            |x| norm::rms_norm(traced(&x[0]), &x[1], 1e-5).unwrap(),
        );
    }
}

fn swiglu_of_stacked_halves<D: TestDevice>() {
    for (rows, inner) in [(1, 1), (3, 5), (4, 19)] {
        check(
            &[param::<D>(3, rows, 2 * inner)],
            |x| by_rows(&x[0], 2 * inner, |_, row| reference::swiglu(row)),
            |x| swiglu::swiglu(traced(&x[0])).unwrap(),
        );
    }
}

fn embedding_with_repeated_tokens<D: TestDevice>() {
    let ids = [2_u32, 0, 2, 2, 1];
    check(
        &[param::<D>(4, 4, 3)],
        |x| ids.iter().flat_map(|id| x[0][*id as usize * 3..][..3].to_vec()).collect(),
        |x| {
            let ids = D::shared().ids(&ids).unwrap();
            embedding::embed(&x[0], &ids, 5, OwnedTape::default()).unwrap()
        },
    );
}

fn linear_with_bias_and_residual<D: TestDevice>() {
    let (rows, inputs, outputs) = (5, 7, 3);
    for (bias, residual) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut all = vec![param::<D>(5, rows, inputs), param::<D>(6, outputs, inputs)];
        all.extend(bias.then(|| param::<D>(7, 1, outputs)));
        all.extend(residual.then(|| param::<D>(8, rows, outputs)));
        check(
            &all,
            |x| {
                by_rows(&x[0], inputs, |row, values| {
                    let mut y = reference::linear(values, &x[1]);
                    for (index, y) in y.iter_mut().enumerate() {
                        *y += if bias { x[2][index] } else { 0.0 };
                        *y += if residual { x.last().unwrap()[row * outputs + index] } else { 0.0 };
                    }
                    y
                })
            },
            |x| {
                let layer = Linear { weight: &x[1], bias: bias.then(|| &x[2]), adapters: &[] };
                linear(traced(&x[0]), &layer, residual.then(|| &x.last().unwrap().var)).unwrap()
            },
        );
    }
}

fn two_adapters_on_rows_of_one_matrix<D: TestDevice>() {
    let (rows, inputs, outputs, rank) = (5, 6, 9, 2);
    let places = [0..4, 6..9];
    let all = [
        param::<D>(10, rows, inputs),
        param::<D>(11, outputs, inputs),
        param::<D>(12, rank, inputs),
        param::<D>(13, 4, rank),
        param::<D>(14, rank, inputs),
        param::<D>(15, 3, rank),
    ];
    check(
        &all,
        |x| {
            by_rows(&x[0], inputs, |_, values| {
                let mut y = reference::linear(values, &x[1]);
                for (index, place) in places.iter().enumerate() {
                    let low = reference::linear(values, &x[2 + 2 * index]);
                    let high = reference::linear(&low, &x[3 + 2 * index]);
                    y[place.clone()].iter_mut().zip(high).for_each(|(y, high)| *y += 1.5 * high);
                }
                y
            })
        },
        |x| {
            let adapter = |i: usize| Adapter {
                rows: places[i].clone(),
                a: x[2 + 2 * i].clone(),
                b: x[3 + 2 * i].clone(),
                scale: 1.5,
            };
            let layer = Linear { weight: &x[1], bias: None, adapters: &[adapter(0), adapter(1)] };
            linear(traced(&x[0]), &layer, None).unwrap()
        },
    );
}

fn a_frozen_weight_has_no_gradient_but_passes_one_on<D: TestDevice>() {
    let (x, mut weight) = (param::<D>(16, 2, 3), param::<D>(17, 4, 3));
    weight.trainable = false;
    let y = linear(traced(&x), &Linear { weight: &weight, bias: None, adapters: &[] }, None).unwrap();
    let mut grads = super::harness::backward(y, &[1.0; 8]);
    assert!(gradient(&mut grads, &weight).is_none());
    assert!(gradient(&mut grads, &x).is_some());
}

fn log_probabilities_in_blocks_of_rows_and_columns<D: TestDevice>() {
    let (rows, width, vocabulary, temperature) = (3, 2, 600, 1.5_f32);
    let (hidden, projection) = (param::<D>(30, rows, width), param::<D>(31, vocabulary, width));
    let targets = Targets::new(vec![2, 0, 2, 1], vec![599, 0, 300, 255]).unwrap();
    let pairs = targets.rows().iter().zip(targets.ids());
    let plain = |x: &[Vec<f64>]| -> Vec<f64> {
        let one = |(row, id): (&u32, &u32)| {
            let logits = reference::linear(&x[0][*row as usize * width..][..width], &x[1]);
            reference::log_prob(&logits, *id as usize, f64::from(temperature))
        };
        let both: Vec<[f64; 2]> = pairs.clone().map(one).collect();
        (0..2).flat_map(|which| both.iter().map(move |pair| pair[which])).collect()
    };
    let inputs = [wide(&values(&hidden)), wide(&values(&projection))];
    let (exact, weights) = (plain(&inputs), numbers(32, 8));
    let slopes = slopes(&inputs, &weights, plain);
    // 256 numbers are less than one row, 1,000 are one row and more, and at the last all logits are kept.
    for bytes in [0, 4_000, 1 << 20] {
        let out = log_probs(traced(&hidden), &projection, &targets, temperature, bytes).unwrap();
        let ours = [out.log_probs.as_vec(), out.entropies.as_vec()].concat();
        assert_close("values", &ours, &exact, 1e-5);
        let weight = |part: &[f32]| D::shared().tensor_from_vec(part.to_vec(), (4,));
        let loss =
            (out.log_probs * weight(&weights[..4])).sum() + (out.entropies * weight(&weights[4..])).sum();
        let mut grads = loss.backward();
        for (input, slopes) in [&hidden, &projection].into_iter().zip(&slopes) {
            let ours = host(hidden.var.device(), gradient(&mut grads, input).unwrap());
            assert_close("gradient", &ours, slopes, 1e-4);
        }
    }
}

fn a_temperature_must_be_positive<D: TestDevice>() {
    let targets = Targets::new(vec![0], vec![0]).unwrap();
    for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let result =
            log_probs(traced(&param::<D>(33, 1, 2)), &param::<D>(34, 3, 2), &targets, temperature, 0);
        assert!(result.unwrap_err().to_string().contains("not a positive number"));
    }
}

fn shape(num_heads: usize, num_kv_heads: usize, head_dim: usize) -> PolicyConfig {
    PolicyConfig {
        architecture: Architecture::Llama,
        vocab_size: 1,
        hidden_size: 1,
        intermediate_size: 1,
        num_layers: 1,
        num_heads,
        num_kv_heads,
        head_dim,
        rms_norm_eps: 1e-5,
        rope_theta: 100.0,
        rope_scaling: RopeScaling::None,
        max_position_embeddings: 1000,
        tie_word_embeddings: true,
        qkv_bias: false,
        output_bias: false,
        mlp_bias: false,
        qk_norm: false,
        sliding_window: None,
    }
}

/// Rotary embedding and attention of packed sequences, with or without norms of the heads.
fn check_attention<D: TestDevice>(config: &PolicyConfig, offsets: &[usize]) {
    let heads = Heads {
        rows: *offsets.last().unwrap(),
        query_heads: config.num_heads,
        kv_heads: config.num_kv_heads,
        head_dim: config.head_dim,
    };
    let width = heads.width();
    let mut inputs = vec![param::<D>(20, heads.rows, width)];
    if config.qk_norm {
        inputs.extend([param::<D>(21, 1, config.head_dim), param::<D>(22, 1, config.head_dim)]);
    }
    check(
        &inputs,
        |x| {
            let norms = config.qk_norm.then(|| [&x[1][..], &x[2][..]]);
            let rows: Vec<Vec<f64>> = x[0].chunks(width).map(<[f64]>::to_vec).collect();
            let attention = Attention { config, norms };
            let sequences = offsets.windows(2).map(|ends| attention.sequence(&rows[ends[0]..ends[1]]));
            sequences.flatten().flatten().collect()
        },
        |x| {
            let layout = D::shared()
                .layout(
                    offsets,
                    &vec![false; offsets.len() - 1],
                    config.sliding_window,
                    &config.rope_frequencies(),
                )
                .unwrap();
            let packing = Arc::new(Packing { heads, eps: config.rms_norm_eps, layout });
            let norms = config.qk_norm.then(|| (&x[1], &x[2]));
            let split = attention::split_heads(traced(&x[0]), norms, &packing).unwrap();
            attention::attention(split, &packing).unwrap()
        },
    );
}

fn attention_within_each_sequence<D: TestDevice>() {
    check_attention::<D>(&shape(1, 1, 2), &[0, 1]);
    check_attention::<D>(&shape(2, 2, 4), &[0, 5]);
    check_attention::<D>(&shape(2, 1, 6), &[0, 3, 3, 4, 9]);
}

fn attention_of_grouped_heads_and_of_windows<D: TestDevice>() {
    check_attention::<D>(&shape(4, 2, 4), &[0, 2, 7]);
    check_attention::<D>(&PolicyConfig { sliding_window: Some(3), ..shape(2, 1, 2) }, &[0, 6, 8]);
    check_attention::<D>(&PolicyConfig { sliding_window: Some(1), ..shape(1, 1, 2) }, &[0, 4]);
}

fn attention_of_normalised_heads<D: TestDevice>() {
    check_attention::<D>(&PolicyConfig { qk_norm: true, ..shape(2, 1, 4) }, &[0, 4, 6]);
}

fn attention_over_several_blocks_and_segments<D: TestDevice>() {
    check_attention::<D>(&shape(2, 1, 2), &[0, 7, 80, 90]);
    check_attention::<D>(&PolicyConfig { sliding_window: Some(20), ..shape(1, 1, 2) }, &[0, 70]);
}
