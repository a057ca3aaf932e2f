//! Norms, heads, SwiGLU and the softmax in blocks.

use super::{Emulated, assert_close, slopes, wide};
use crate::{
    kernels::{
        cuda::ops::{
            attention::Layout,
            embedding::Ids,
            heads::{self, Norms},
            norm, softmax, swiglu,
        },
        train::{Heads, LogitsBlock},
    },
    testing::numbers,
};

const EPS: f32 = 1e-5;

fn rms_norm(x: &[f64], scale: &[f64]) -> Vec<f64> {
    let normalised = |row: &[f64]| {
        let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
        let root = (mean + f64::from(EPS)).sqrt();
        row.iter().zip(scale).map(|(x, scale)| x / root * scale).collect::<Vec<_>>()
    };
    x.chunks(scale.len()).flat_map(normalised).collect()
}

#[test]
fn norm_and_its_gradients() {
    let card = Emulated::default();
    for (rows, columns) in [(1, 2), (3, 7), (5, 33), (2, 1500), (130, 3)] {
        let (x, scale) = (numbers(rows * columns, 1), numbers(columns, 2));
        let exact = rms_norm(&wide(&x), &wide(&scale));
        assert_close("y", &norm::forward(&card, &x, &scale, EPS).unwrap(), &exact, 2e-6);
        if columns > 1000 {
            continue;
        }
        let dy = numbers(x.len(), 3);
        let exact = slopes(&wide(&x), &dy, |x| rms_norm(x, &wide(&scale)));
        for accumulate in [false, true] {
            let mut dx = if accumulate { vec![1.0; x.len()] } else { vec![f32::NAN; x.len()] };
            let mut dscale = vec![2.0; columns];
            let input = (&x, &scale, EPS);
            norm::backward(&card, input, &dy, (&mut dx, accumulate), Some(&mut dscale)).unwrap();
            let before = f64::from(u8::from(accumulate));
            let dx_exact: Vec<f64> = exact.iter().map(|slope| slope + before).collect();
            assert_close("dx", &dx, &dx_exact, 1e-5);
            let slopes = slopes(&wide(&scale), &dy, |scale| rms_norm(&wide(&x), scale));
            let dscale_exact: Vec<f64> = slopes.iter().map(|slope| slope + 2.0).collect();
            assert_close("dscale", &dscale, &dscale_exact, 1e-5);
        }
        let mut dx = vec![f32::NAN; x.len()];
        norm::backward(&card, (&x, &scale, EPS), &dy, (&mut dx, false), None).unwrap();
        assert_close("dx of a frozen scale", &dx, &exact, 1e-5);
    }
    assert!(norm::forward(&card, &vec![], &vec![1.0; 3], EPS).unwrap().is_empty());
    assert!(norm::forward(&card, &vec![0.0; 4], &vec![1.0; 3], EPS).is_err());
}

/// Rows of q, k and v to heads, with norms and rotation, one number after the other.
fn split(
    qkv: &[f64],
    h: Heads,
    positions: &[usize],
    frequencies: &[f32],
    scales: Option<[&[f64]; 2]>,
) -> Vec<f64> {
    let (dim, half) = (h.head_dim, h.head_dim / 2);
    let mut out = Vec::new();
    for head in 0..h.total() {
        for row in 0..h.rows {
            let x = &qkv[row * h.width() + head * dim..][..dim];
            if head >= h.query_heads + h.kv_heads {
                out.extend(x);
                continue;
            }
            let which = usize::from(head >= h.query_heads);
            let x = scales.map_or(x.to_vec(), |scales| rms_norm(x, scales[which]));
            let angle = |i: usize| positions[row] as f64 * f64::from(frequencies[i % half]);
            out.extend((0..dim).map(|i| match i < half {
                true => x[i] * angle(i).cos() - x[i + half] * angle(i).sin(),
                false => x[i] * angle(i).cos() + x[i - half] * angle(i).sin(),
            }));
        }
    }
    out
}

#[test]
fn heads_and_their_gradients() {
    let card = Emulated::default();
    for (query_heads, kv_heads, head_dim) in [(1, 1, 2), (4, 2, 6), (2, 1, 70)] {
        let h = Heads { rows: 5, query_heads, kv_heads, head_dim };
        let frequencies: Vec<f32> = (0..head_dim / 2).map(|i| 0.5_f32.powi(i as i32)).collect();
        // A stem of two rows, a branch of it, and a sequence of its own.
        let layout = Layout::new(&card, &[0, 2, 4, 5], &[false, true, false], None, &frequencies).unwrap();
        let positions = [0, 1, 2, 3, 0];
        let qkv = numbers(h.rows * h.width(), 4);
        let (query, key) = (numbers(head_dim, 5), numbers(head_dim, 6));
        let dy = numbers(qkv.len(), 7);
        for normed in [false, true] {
            let scales = [wide(&query), wide(&key)];
            let plain = |qkv: &[f64], scales: &[Vec<f64>; 2]| {
                let scales = normed.then(|| scales.each_ref().map(|scale| &scale[..]));
                split(qkv, h, &positions, &frequencies, scales)
            };
            let norms = normed.then_some(Norms { query: &query, key: &key, eps: EPS });
            let ours = heads::split(&card, &qkv, h, &layout, norms).unwrap();
            assert_close("heads", &ours, &plain(&wide(&qkv), &scales), 2e-6);
            let exact = slopes(&wide(&qkv), &dy, |qkv| plain(qkv, &scales));
            let (mut dquery, mut dkey) = (vec![0.0; head_dim], vec![0.0; head_dim]);
            let inputs = norms.map(|norms| (&qkv, norms));
            let dscales = normed.then_some([&mut dquery, &mut dkey]);
            let ours = heads::split_backward(&card, &dy, h, &layout, inputs, dscales).unwrap();
            assert_close("dqkv", &ours, &exact, 1e-5);
            if normed {
                let of_query = |scale: &[f64]| plain(&wide(&qkv), &[scale.to_vec(), wide(&key)]);
                assert_close("dquery", &dquery, &slopes(&wide(&query), &dy, of_query), 1e-5);
                let of_key = |scale: &[f64]| plain(&wide(&qkv), &[wide(&query), scale.to_vec()]);
                assert_close("dkey", &dkey, &slopes(&wide(&key), &dy, of_key), 1e-5);
            }
        }
    }
}

#[test]
fn swiglu_and_its_gradient() {
    let card = Emulated::default();
    for (rows, inner) in [(1, 1), (3, 5), (4, 300)] {
        let plain = |x: &[f64]| -> Vec<f64> {
            let row = |row: &[f64]| -> Vec<f64> {
                (0..inner).map(|i| row[i] / (1.0 + (-row[i]).exp()) * row[i + inner]).collect()
            };
            x.chunks(2 * inner).flat_map(row).collect()
        };
        let mut x = numbers(2 * rows * inner, 8);
        assert_close("y", &swiglu::forward(&card, &x, inner).unwrap(), &plain(&wide(&x)), 2e-6);
        let dy = numbers(rows * inner, 9);
        let exact = match inner < 100 {
            true => slopes(&wide(&x), &dy, plain),
            false => continue,
        };
        swiglu::backward(&card, &mut x, inner, &dy).unwrap();
        assert_close("dx", &x, &exact, 1e-5);
    }
    let large = swiglu::forward(&card, &vec![-200.0, 3.0, 200.0, 3.0], 1).unwrap();
    assert_eq!(large, [0.0, 600.0]);
}

#[test]
fn softmax_in_blocks_of_rows_and_columns() {
    let card = Emulated::default();
    let (rows, columns) = (5, 71);
    let logits: Vec<f32> = numbers(rows * columns, 10).iter().map(|x| 8.0 * x).collect();
    let targets = [70, 0, 33, 32, 5];
    let ids = Ids::new(&card, &targets).unwrap();
    let plain = |logits: &[f64]| -> Vec<f64> {
        let both: Vec<[f64; 2]> = logits
            .chunks(columns)
            .zip(targets)
            .map(|(row, target)| {
                let log_sum = row.iter().map(|l| l.exp()).sum::<f64>().ln();
                let entropy = row.iter().map(|l| -(l - log_sum).exp() * (l - log_sum)).sum();
                [row[target as usize] - log_sum, entropy]
            })
            .collect();
        (0..2).flat_map(|which| both.iter().map(move |pair| pair[which])).collect()
    };
    let exact = plain(&wide(&logits));
    let doutput = numbers(2 * rows, 11);
    let slopes = slopes(&wide(&logits), &doutput, plain);
    for (tall, broad) in [(5, 71), (2, 40), (1, 1), (3, 33)] {
        let cut = |block: LogitsBlock, from: &[f32]| -> Vec<f32> {
            let starts = (0..block.rows).map(|row| (block.first_row + row) * columns + block.first_column);
            starts.flat_map(|start| from[start..start + block.columns].to_vec()).collect()
        };
        let places = (0..rows).step_by(tall).flat_map(|r| (0..columns).step_by(broad).map(move |c| (r, c)));
        let blocks: Vec<LogitsBlock> = places
            .map(|(first_row, first_column)| LogitsBlock {
                rows: tall.min(rows - first_row),
                first_row,
                columns: broad.min(columns - first_column),
                first_column,
            })
            .collect();
        let mut state = softmax::state(&card, rows).unwrap();
        for block in &blocks {
            softmax::block(&card, &cut(*block, &logits), *block, &ids, &mut state).unwrap();
        }
        let outputs = softmax::finish(&card, &state).unwrap();
        assert_close("outputs", &outputs.concat(), &exact, 2e-6);
        let wide_slopes: Vec<f32> = slopes.iter().map(|slope| *slope as f32).collect();
        let (dlog_probs, dentropies) = (doutput[..rows].to_vec(), doutput[rows..].to_vec());
        for block in &blocks {
            let mut gradient = cut(*block, &logits);
            let doutput = [&dlog_probs, &dentropies];
            softmax::block_backward(&card, &mut gradient, *block, &ids, &state, doutput).unwrap();
            assert_close("dlogits", &gradient, &wide(&cut(*block, &wide_slopes)), 2e-5);
        }
    }
    let beyond = LogitsBlock { rows: 2, first_row: 4, columns: 1, first_column: 0 };
    let mut state = softmax::state(&card, rows).unwrap();
    assert!(softmax::block(&card, &logits, beyond, &ids, &mut state).is_err());
}
