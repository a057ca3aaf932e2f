//! The model on the CPU.

mod draws;
mod weights;

use std::sync::Arc;

use dfdx::tensor::Cpu;

pub(crate) use self::weights::Weights;
use self::{
    draws::Draws,
    weights::{Affine, LayerWeights},
};
use super::{
    angles::Angles,
    model::{BLOCK, Batch, Capacity, Model, Next, Row},
};
use crate::{
    config::PolicyConfig,
    error::Result,
    kernels::{
        columns::Columns,
        kv_cache::{Attention, KvCache},
        rows,
        threads::Threads,
    },
    params::Params,
};

/// The model, its cache and its scratch memory; a step allocates nothing.
#[derive(Debug)]
pub(crate) struct CpuModel {
    config: PolicyConfig,
    weights: Weights,
    cache: KvCache,
    angles: Angles,
    threads: Arc<Threads>,
    scratch: Scratch,
    draws: Draws,
}

/// Activations of one step, row-major.
#[derive(Debug)]
struct Scratch {
    hidden: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    gate_up: Vec<f32>,
    inner: Vec<f32>,
    logits: Vec<f32>,
    /// For each thread, the scores of one query.
    scores: Vec<Vec<[f32; BLOCK]>>,
}

impl CpuModel {
    pub(crate) fn new(
        config: PolicyConfig,
        weights: Weights,
        capacity: Capacity,
        threads: Arc<Threads>,
    ) -> Self {
        let cache = KvCache::new(config.num_layers, capacity.blocks, config.num_kv_heads, config.head_dim);
        let angles = Angles::new(&config, capacity.context);
        let scratch = Scratch::new(&config, capacity, threads.count());
        let draws = Draws::new(config.vocab_size, capacity.samples, threads.count());
        Self { config, weights, cache, angles, threads, scratch, draws }
    }
}

impl Model for CpuModel {
    fn blocks(&self) -> usize {
        self.cache.blocks()
    }

    fn clear(&mut self, block: u32) {
        self.cache.clear(block);
    }

    fn copy(&mut self, from: u32, to: u32) -> Result<()> {
        self.cache.copy(from, to);
        Ok(())
    }

    fn refill(&mut self, params: &Params<Cpu>) -> Result<()> {
        self.weights.refill(params);
        Ok(())
    }

    fn step(&mut self, batch: &Batch) -> Result<()> {
        let Self { config, weights, cache, angles, threads, scratch, draws } = self;
        let mut step = Step { config, cache, angles, threads, batch };
        threads.enter(|| {
            step.run(weights, scratch);
            draws.draw(threads, batch, &scratch.logits, config.vocab_size);
        });
        Ok(())
    }

    fn next(&self, sampling: usize) -> Result<Next<'_>> {
        let vocabulary = self.config.vocab_size;
        self.draws.next(sampling, &self.scratch.logits[sampling * vocabulary..][..vocabulary])
    }
}

/// All that one step needs besides its activations.
struct Step<'a> {
    config: &'a PolicyConfig,
    cache: &'a mut KvCache,
    angles: &'a Angles,
    threads: &'a Threads,
    batch: &'a Batch,
}

impl Step<'_> {
    fn run(&mut self, weights: &Weights, scratch: &mut Scratch) {
        let (count, width) = (self.batch.rows.len(), self.config.hidden_size);
        let hidden = &mut scratch.hidden[..count * width];
        for (row, hidden) in self.batch.rows.iter().zip(hidden.chunks_exact_mut(width)) {
            weights.embed(row.token, hidden);
        }
        for (index, layer) in weights.layers.iter().enumerate() {
            self.attention(index, layer, scratch);
            self.feed_forward(layer, scratch);
        }
        self.logits(weights, scratch);
    }

    fn attention(&mut self, index: usize, layer: &LayerWeights, scratch: &mut Scratch) {
        let Scratch { hidden, normed, qkv, attended, scores, .. } = scratch;
        let (config, count) = (self.config, self.batch.rows.len());
        let (queries, keys) = (config.query_width(), config.kv_width());
        let hidden = &mut hidden[..count * config.hidden_size];
        let normed = &mut normed[..hidden.len()];
        let qkv = &mut qkv[..count * (queries + 2 * keys)];
        let attended = &mut attended[..count * queries];
        rows::rms_norm(hidden, &layer.attention_norm, config.rms_norm_eps, normed);
        self.multiply(&layer.qkv, normed, qkv, false);
        self.place(index, layer, qkv);
        self.attend(index, qkv, attended, scores);
        self.multiply(&layer.output, attended, hidden, true);
    }

    /// Normalises the heads, where the model does so, rotates them to their position, and notes keys and values.
    #[expect(unsafe_code, reason = "threads write disjoint rows and positions")]
    fn place(&mut self, index: usize, layer: &LayerWeights, qkv: &mut [f32]) {
        /// What a number costs that is turned and stored away from its neighbours, in multiplications.
        const COST: usize = 16;
        let (config, angles, batch) = (self.config, self.angles, self.batch);
        let (queries, keys) = (config.query_width(), config.kv_width());
        let (cost, width) = (COST * qkv.len(), queries + 2 * keys);
        let (qkv, cache) = (Columns::new(qkv, width), self.cache.writer());
        self.threads.split(batch.rows.len(), cost, |rows| {
            for (number, row) in rows.clone().zip(&batch.rows[rows]) {
                // SAFETY: `split` hands each row to one thread.
                let qkv = unsafe { qkv.slice(number, 0, width) };
                let (query, rest) = qkv.split_at_mut(queries);
                let (key, value) = rest.split_at_mut(keys);
                for (heads, norm) in [(query, &layer.query_norm), (&mut *key, &layer.key_norm)] {
                    if let Some(scale) = norm {
                        rows::rms_norm_in_place(heads, scale, config.rms_norm_eps);
                    }
                    let (cos, sin) = angles.at(row.position);
                    rows::rotate(heads, cos, sin);
                }
                // SAFETY: each row has a position of its own, in a block that its sequence shares with no other one yet.
                unsafe { cache.write(index, &batch.tables[row.table..], row.position, key, value) };
            }
        });
    }

    /// Each row and key head on its own: there are at least as many as threads, even for a single long sequence.
    #[expect(unsafe_code, reason = "threads write disjoint heads of one row-major matrix")]
    fn attend(&self, layer: usize, qkv: &[f32], attended: &mut [f32], scores: &mut [Vec<[f32; BLOCK]>]) {
        let config = self.config;
        let (queries, heads) = (config.query_width(), config.num_kv_heads);
        let (stride, group) = (queries + 2 * config.kv_width(), queries / heads);
        let out = Columns::new(attended, queries);
        let scale = 1.0 / (config.head_dim as f32).sqrt();
        let seen = |row: &Row| {
            let end = row.position + 1;
            config.sliding_window.map_or(0, |window| end.saturating_sub(window))..end
        };
        let work = self.batch.rows.iter().map(|row| seen(row).len() * queries).sum::<usize>();
        self.threads.split_with(self.batch.rows.len() * heads, 4 * work, scores, |tasks, scores| {
            for task in tasks {
                let (index, head) = (task / heads, task % heads);
                let row = &self.batch.rows[index];
                let query = &qkv[index * stride + head * group..][..group];
                // SAFETY: each task is one row and one head, and `split_with` hands each task to one thread.
                let out = unsafe { out.slice(index, head * group, group) };
                let table = &self.batch.tables[row.table..];
                let to = Attention { layer, head, table, seen: seen(row), scale };
                self.cache.attend(&to, query, out, scores);
            }
        });
    }

    fn feed_forward(&self, layer: &LayerWeights, scratch: &mut Scratch) {
        let Scratch { hidden, normed, gate_up, inner, .. } = scratch;
        let (config, count) = (self.config, self.batch.rows.len());
        let hidden = &mut hidden[..count * config.hidden_size];
        let normed = &mut normed[..hidden.len()];
        let inner = &mut inner[..count * config.intermediate_size];
        let gate_up = &mut gate_up[..2 * inner.len()];
        rows::rms_norm(hidden, &layer.feed_forward_norm, config.rms_norm_eps, normed);
        self.multiply(&layer.gate_up, normed, gate_up, false);
        self.activate(gate_up, inner);
        self.multiply(&layer.down, inner, hidden, true);
    }

    #[expect(unsafe_code, reason = "threads write disjoint rows")]
    fn activate(&self, gate_up: &[f32], inner: &mut [f32]) {
        /// What an exponential costs, in multiplications.
        const COST: usize = 20;
        let (width, cost) = (self.config.intermediate_size, COST * inner.len());
        let inner = Columns::new(inner, width);
        self.threads.split(self.batch.rows.len(), cost, |rows| {
            for row in rows {
                // SAFETY: `split` hands each row to one thread.
                let inner = unsafe { inner.slice(row, 0, width) };
                rows::swiglu(&gate_up[2 * row * width..][..2 * width], inner, width);
            }
        });
    }

    fn logits(&self, weights: &Weights, scratch: &mut Scratch) {
        let Scratch { hidden, normed, logits, .. } = scratch;
        let width = self.config.hidden_size;
        let mut count = 0;
        for (index, _) in self.batch.draws() {
            hidden.copy_within(index * width..(index + 1) * width, count * width);
            count += 1;
        }
        let normed = &mut normed[..count * width];
        rows::rms_norm(&hidden[..count * width], &weights.norm, self.config.rms_norm_eps, normed);
        let logits = &mut logits[..count * self.config.vocab_size];
        weights.head.multiply(self.threads, normed, logits, None, false);
    }

    fn multiply(&self, weights: &Affine, x: &[f32], y: &mut [f32], add: bool) {
        weights.matrix.multiply(self.threads, x, y, weights.bias.as_deref(), add);
    }
}

impl Scratch {
    fn new(config: &PolicyConfig, capacity: Capacity, threads: usize) -> Self {
        let zeros = |width: usize| vec![0.0; capacity.rows * width];
        Self {
            hidden: zeros(config.hidden_size),
            normed: zeros(config.hidden_size),
            qkv: zeros(config.query_width() + 2 * config.kv_width()),
            attended: zeros(config.query_width()),
            gate_up: zeros(2 * config.intermediate_size),
            inner: zeros(config.intermediate_size),
            logits: vec![0.0; capacity.samples * config.vocab_size],
            scores: vec![vec![[0.0; BLOCK]; capacity.context.div_ceil(BLOCK)]; threads],
        }
    }
}
