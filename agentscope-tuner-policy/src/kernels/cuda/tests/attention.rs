//! Attention over packed sequences, dense and in f64 on the plain side.

use super::{Emulated, assert_close, wide};
use crate::{
    kernels::{
        cuda::ops::attention::{Layout, backward, forward},
        train::Heads,
    },
    testing::numbers,
};

/// Sequences one after the other, and which of them go on from a stem.
struct Packed<'a> {
    lengths: &'a [usize],
    branches: &'a [bool],
    window: Option<usize>,
}

impl Packed<'_> {
    fn offsets(&self) -> Vec<usize> {
        let ends = self.lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    /// The keys that each row sees.
    fn seen(&self) -> Vec<Vec<usize>> {
        let (mut seen, mut stem) = (Vec::new(), 0..0);
        for (ends, is_branch) in self.offsets().windows(2).zip(self.branches) {
            let own = ends[0]..ends[1];
            for row in own.clone() {
                let first = (row + 1).saturating_sub(self.window.unwrap_or(usize::MAX)).max(own.start);
                let before = if *is_branch { stem.clone() } else { 0..0 };
                seen.push(before.chain(first..row + 1).collect());
            }
            if !is_branch {
                stem = own;
            }
        }
        seen
    }
}

/// Output, log-sum-exps, and the gradient of the heads.
struct Plain {
    out: Vec<f64>,
    log_sums: Vec<f64>,
    dheads: Vec<f64>,
}

fn plain(split: &[f64], dy: &[f64], h: Heads, seen: &[Vec<usize>]) -> Plain {
    let (dim, width, scale) = (h.head_dim, h.query_width(), 1.0 / (h.head_dim as f64).sqrt());
    let at = |head: usize, row: usize| (head * h.rows + row) * dim;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut out = vec![0.0; h.rows * width];
    let mut log_sums = vec![0.0; h.rows * h.query_heads];
    let mut dheads = vec![0.0; split.len()];
    for head in 0..h.query_heads {
        let kv = h.query_heads + head / (h.query_heads / h.kv_heads);
        for (row, keys) in seen.iter().enumerate() {
            let q = &split[at(head, row)..][..dim];
            let scores: Vec<f64> =
                keys.iter().map(|key| scale * dot(q, &split[at(kv, *key)..][..dim])).collect();
            let log_sum = scores.iter().map(|score| score.exp()).sum::<f64>().ln();
            log_sums[row * h.query_heads + head] = log_sum;
            let place = row * width + head * dim;
            for (key, score) in keys.iter().zip(&scores) {
                for d in 0..dim {
                    out[place + d] += (score - log_sum).exp() * split[at(kv + h.kv_heads, *key) + d];
                }
            }
            let dy = &dy[place..][..dim];
            let row_sum = dot(dy, &out[place..][..dim]);
            for (key, score) in keys.iter().zip(&scores) {
                let (p, value) = ((score - log_sum).exp(), at(kv + h.kv_heads, *key));
                let ds = p * (dot(dy, &split[value..][..dim]) - row_sum) * scale;
                for d in 0..dim {
                    dheads[value + d] += p * dy[d];
                    dheads[at(head, row) + d] += ds * split[at(kv, *key) + d];
                    dheads[at(kv, *key) + d] += ds * q[d];
                }
            }
        }
    }
    Plain { out, log_sums, dheads }
}

fn check(packed: &Packed<'_>, (query_heads, kv_heads, head_dim): (usize, usize, usize)) {
    let card = Emulated::default();
    let offsets = packed.offsets();
    let h = Heads { rows: offsets[offsets.len() - 1], query_heads, kv_heads, head_dim };
    let frequencies = vec![1.0; head_dim / 2];
    let layout = Layout::new(&card, &offsets, packed.branches, packed.window, &frequencies).unwrap();
    let split: Vec<f32> = numbers(h.rows * h.width(), 1).iter().map(|x| 2.0 * x).collect();
    let dy = numbers(h.rows * h.query_width(), 2);
    let exact = plain(&wide(&split), &wide(&dy), h, &packed.seen());
    let what = format!("{:?} {:?} {:?}", packed.lengths, packed.window, (query_heads, kv_heads, head_dim));
    let (out, log_sums) = forward(&card, &split, h, &layout).unwrap();
    assert_close(&format!("{what}: out"), &out, &exact.out, 5e-6);
    assert_close(&format!("{what}: log-sum-exp"), &log_sums, &exact.log_sums, 5e-6);
    let dheads = backward(&card, &split, (&out, &log_sums), &dy, h, &layout).unwrap();
    assert_close(&format!("{what}: gradient"), &dheads, &exact.dheads, 1e-5);
}

fn whole(lengths: &[usize]) -> Packed<'_> {
    const NONE: [bool; 16] = [false; 16];
    Packed { lengths, branches: &NONE[..lengths.len()], window: None }
}

#[test]
fn packed_sequences() {
    check(&whole(&[1]), (1, 1, 2));
    check(&whole(&[3, 0, 1, 5]), (2, 1, 6));
    check(&whole(&[7, 73, 10]), (2, 1, 2));
}

#[test]
fn grouped_heads() {
    check(&whole(&[2, 5]), (4, 2, 4));
    check(&whole(&[40]), (6, 2, 8));
    check(&whole(&[9, 4]), (3, 3, 4));
}

/// More than a lane's first number, and so wide that blocks have fewer warps.
#[test]
fn wide_heads() {
    for head_dim in [34, 64, 100, 128, 256] {
        check(&whole(&[5, 36]), (2, 1, head_dim));
    }
}

#[test]
fn windows() {
    for window in [1, 3, 20, 100] {
        check(&Packed { window: Some(window), ..whole(&[6, 70, 2]) }, (2, 1, 4));
    }
}

#[test]
fn branches_of_stems() {
    let lengths = [4, 6, 10, 20, 5, 4, 0, 3];
    let branches = [false, false, true, true, false, true, true, false];
    check(&Packed { lengths: &lengths, branches: &branches, window: None }, (2, 1, 4));
    // A stem longer than a tile, and more branches than fit in one.
    let (lengths, branches) = ([70, 3, 40, 1, 2], [false, true, true, true, true]);
    check(&Packed { lengths: &lengths, branches: &branches, window: None }, (4, 2, 2));
}

#[test]
fn large_scores_do_not_overflow() {
    let card = Emulated::default();
    let h = Heads { rows: 40, query_heads: 1, kv_heads: 1, head_dim: 2 };
    let layout = Layout::new(&card, &[0, 40], &[false], None, &[1.0]).unwrap();
    let split: Vec<f32> = numbers(h.rows * h.width(), 3).iter().map(|x| 100.0 * x).collect();
    let (out, log_sums) = forward(&card, &split, h, &layout).unwrap();
    assert!(out.iter().chain(&log_sums).all(|x| x.is_finite()));
    assert!(log_sums.iter().any(|log_sum| *log_sum > 1000.0));
}

#[test]
fn heads_that_do_not_fit_are_refused() {
    let card = Emulated::default();
    let layout =
        |head_dim: usize| Layout::new(&card, &[0, 2], &[false], None, &vec![1.0; head_dim / 2]).unwrap();
    let refused = |h: Heads, len: usize| forward(&card, &vec![0.0; len], h, &layout(h.head_dim)).is_err();
    let h = Heads { rows: 2, query_heads: 2, kv_heads: 1, head_dim: 4 };
    assert!(!refused(h, 32));
    assert!(refused(h, 31) && refused(Heads { rows: 3, ..h }, 48));
    assert!(refused(Heads { head_dim: 258, ..h }, 2 * 4 * 258) && refused(Heads { kv_heads: 0, ..h }, 16));
}
