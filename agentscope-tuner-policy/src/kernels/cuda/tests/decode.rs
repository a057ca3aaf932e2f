//! A step of decoding: attention to blocks of a cache in f64 on the plain side, draws beside those of the CPU's sampler.

use super::{Emulated, assert_close};
use crate::{
    kernels::{
        cuda::{
            card::Card,
            ops::decode::{self, Bounds, Cache, Plan, PlanRow, Turn},
        },
        kv_cache::BLOCK,
        train::Heads,
    },
    testing::numbers,
};

const HEADS: Heads = Heads { rows: 0, query_heads: 4, kv_heads: 2, head_dim: 6 };
const BOUNDS: Bounds = Bounds { vocabulary: 5, context: 700, blocks: 90 };

/// Angles of 0: nothing is rotated.
fn still() -> [Vec<f32>; 2] {
    let pairs = BOUNDS.context * HEADS.head_dim / 2;
    [vec![1.0; pairs], vec![0.0; pairs]]
}

/// One sequence of `length` tokens in blocks that are out of order, from the first of `tables` on.
fn table(length: usize, salt: u32) -> Vec<u32> {
    (0..length.div_ceil(BLOCK) as u32).map(|block| (block * 7 + salt) % BOUNDS.blocks as u32).collect()
}

fn rows(positions: impl Iterator<Item = usize>) -> Vec<PlanRow> {
    positions.map(|position| PlanRow { token: 0, position, table: 0 }).collect()
}

/// The attention of the row at `position` to the values of a sequence, head by head.
fn exact(qkv: &[f32], position: usize, window: Option<usize>) -> Vec<f64> {
    let Heads { query_heads, kv_heads, head_dim, .. } = HEADS;
    let part = |row: usize, head: usize| -> Vec<f64> {
        let start = (row * (query_heads + 2 * kv_heads) + head) * head_dim;
        qkv[start..start + head_dim].iter().copied().map(f64::from).collect()
    };
    let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
    let mut out = Vec::new();
    for head in 0..query_heads {
        let (query, kv) = (part(position, head), head / (query_heads / kv_heads));
        let scores: Vec<f64> = (first..=position)
            .map(|row| {
                let key = part(row, query_heads + kv);
                let dot: f64 = query.iter().zip(key).map(|(query, key)| query * key).sum();
                (dot / (head_dim as f64).sqrt()).exp()
            })
            .collect();
        let total: f64 = scores.iter().sum();
        out.extend((0..head_dim).map(|d| {
            let weighted = (first..=position).zip(&scores);
            weighted.map(|(row, score)| score * part(row, query_heads + kv_heads + kv)[d]).sum::<f64>()
                / total
        }));
    }
    out
}

#[test]
fn rows_attend_to_their_sequence_in_blocks() {
    let card = Emulated::default();
    for (length, window) in
        [(1, None), (16, None), (17, Some(1)), (50, Some(20)), (33, Some(900)), (600, None)]
    {
        let heads = Heads { rows: length, ..HEADS };
        let mut cache = Cache::new(&card, 2, BOUNDS.blocks, heads.kv_heads, heads.head_dim).unwrap();
        let qkv = numbers(length * heads.width(), length as u32);
        let plan = Plan::new(&card, &rows(0..length), &table(length, 3), &[], BOUNDS).unwrap();
        let mut queries = card.floats(length * heads.query_width()).unwrap();
        let turn = Turn { norms: None, angles: &still() };
        decode::place(&card, &plan, &qkv, heads, turn, (&mut cache, 1), &mut queries).unwrap();
        // Few rows of the longest, whose every row would take minutes.
        let asked: Vec<usize> = (0..length).rev().step_by(length.div_ceil(40)).collect();
        let heads = Heads { rows: asked.len(), ..heads };
        let plan = Plan::new(&card, &rows(asked.iter().copied()), &table(length, 3), &[], BOUNDS).unwrap();
        let width = heads.query_width();
        let queries: Vec<f32> =
            asked.iter().flat_map(|row| queries[row * width..][..width].to_vec()).collect();
        let mut out = card.floats(queries.len()).unwrap();
        decode::attend(&card, &plan, &queries, heads, window, (&cache, 1), &mut out).unwrap();
        let exact: Vec<f64> = asked.iter().flat_map(|row| exact(&qkv, *row, window)).collect();
        assert_close("attention", &out, &exact, 1e-5);
    }
}

#[test]
fn a_plan_names_only_what_there_is() {
    let card = Emulated::default();
    let row = PlanRow { token: 4, position: 31, table: 1 };
    let plan = |row, tables: &[u32], picks: &[u32]| Plan::new(&card, &[row], tables, picks, BOUNDS).is_ok();
    assert!(plan(row, &[0, 89, 1], &[0]));
    assert!(!plan(PlanRow { token: 5, ..row }, &[0, 89, 1], &[0]), "no such token");
    assert!(!plan(row, &[0, 89], &[0]), "a table that ends before the position");
    assert!(!plan(row, &[0, 90, 1], &[0]), "no such block");
    assert!(!plan(row, &[0, 89, 1], &[1]), "no such row");
    assert!(!plan(PlanRow { position: 700, ..row }, &[0; 90], &[0]), "beyond the context");
}

#[test]
fn blocks_are_copied_in_every_layer() {
    let card = Emulated::default();
    let (heads, one) = (Heads { rows: 1, ..HEADS }, table(1, 0));
    let mut cache = Cache::new(&card, 2, BOUNDS.blocks, heads.kv_heads, heads.head_dim).unwrap();
    let attended = |cache: &Cache<Emulated>, layer: usize, tables: &[u32]| {
        let plan = Plan::new(&card, &rows(0..1), tables, &[], BOUNDS).unwrap();
        let mut out = card.floats(heads.query_width()).unwrap();
        let queries = numbers(heads.query_width(), 9);
        decode::attend(&card, &plan, &queries, heads, None, (cache, layer), &mut out).unwrap();
        out
    };
    for layer in 0..2 {
        let qkv = numbers(heads.width(), layer as u32);
        let plan = Plan::new(&card, &rows(0..1), &one, &[], BOUNDS).unwrap();
        let mut queries = card.floats(heads.query_width()).unwrap();
        let turn = Turn { norms: None, angles: &still() };
        decode::place(&card, &plan, &qkv, heads, turn, (&mut cache, layer), &mut queries).unwrap();
    }
    cache.copy(&card, one[0], 88).unwrap();
    for layer in 0..2 {
        let copied = attended(&cache, layer, &[88]);
        assert!(copied.iter().all(|x| x.is_finite()));
        assert_eq!(copied, attended(&cache, layer, &one));
    }
    assert!(cache.copy(&card, 1, 90).is_err() && cache.copy(&card, 1, 1).is_err());
}
