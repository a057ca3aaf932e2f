//! One step of the model over a batch of rows: a row is one token of one sequence at one position.

use std::sync::Arc;

use crate::{
    config::PolicyConfig,
    engine::weights::{Affine, LayerWeights, Weights},
    kernels::{
        columns::Columns,
        kv_cache::{Attention, BLOCK, KvCache},
        rows,
        threads::Threads,
    },
};

/// One token to be read by the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) token: u32,
    pub(crate) position: usize,
    /// Where the block table of its sequence starts in [`Batch::tables`].
    pub(crate) table: usize,
    /// The next token will be sampled from this row's logits.
    pub(crate) samples: bool,
}

/// The rows of one step. Rows of one sequence stand in the order of their positions.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    /// The block tables of the sequences, one after another.
    pub(crate) tables: Vec<u32>,
}

/// The model, its cache and its scratch memory; a step allocates nothing.
#[derive(Debug)]
pub(crate) struct Model {
    config: PolicyConfig,
    weights: Weights,
    pub(crate) cache: KvCache,
    angles: Angles,
    threads: Arc<Threads>,
    scratch: Scratch,
}

/// Cosine and sine of each position and rotary pair.
#[derive(Debug)]
struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
    pairs: usize,
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

/// The largest step and context that a [`Model`] has memory for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Rows of one step.
    pub(crate) rows: usize,
    /// Rows of one step that are sampled from.
    pub(crate) samples: usize,
    /// Tokens of one sequence.
    pub(crate) context: usize,
    /// Blocks of the cache.
    pub(crate) blocks: usize,
}

impl Model {
    pub(crate) fn new(
        config: PolicyConfig,
        weights: Weights,
        capacity: Capacity,
        threads: Arc<Threads>,
    ) -> Self {
        let cache = KvCache::new(config.num_layers, capacity.blocks, config.num_kv_heads, config.head_dim);
        let angles = Angles::new(&config, capacity.context);
        let scratch = Scratch::new(&config, capacity, threads.count());
        Self { config, weights, cache, angles, threads, scratch }
    }

    /// The packed parameters, to refill them between steps.
    pub(crate) fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Reads the rows of `batch` and gives the logits of those that sample, one row of `vocab_size` each.
    pub(crate) fn step(&mut self, batch: &Batch) -> &mut [f32] {
        let Self { config, weights, cache, angles, threads, scratch } = self;
        let mut step = Step { config, cache, angles, threads, batch };
        threads.enter(|| step.run(weights, scratch))
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
    fn run<'s>(&mut self, weights: &Weights, scratch: &'s mut Scratch) -> &'s mut [f32] {
        let (count, width) = (self.batch.rows.len(), self.config.hidden_size);
        let hidden = &mut scratch.hidden[..count * width];
        for (row, hidden) in self.batch.rows.iter().zip(hidden.chunks_exact_mut(width)) {
            weights.embed(row.token, hidden);
        }
        for (index, layer) in weights.layers.iter().enumerate() {
            self.attention(index, layer, scratch);
            self.feed_forward(layer, scratch);
        }
        self.logits(weights, scratch)
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

    fn logits<'s>(&self, weights: &Weights, scratch: &'s mut Scratch) -> &'s mut [f32] {
        let Scratch { hidden, normed, logits, .. } = scratch;
        let width = self.config.hidden_size;
        let mut count = 0;
        for (index, _) in self.batch.rows.iter().enumerate().filter(|(_, row)| row.samples) {
            hidden.copy_within(index * width..(index + 1) * width, count * width);
            count += 1;
        }
        let normed = &mut normed[..count * width];
        rows::rms_norm(&hidden[..count * width], &weights.norm, self.config.rms_norm_eps, normed);
        let logits = &mut logits[..count * self.config.vocab_size];
        weights.head.multiply(self.threads, normed, logits, None, false);
        logits
    }

    fn multiply(&self, weights: &Affine, x: &[f32], y: &mut [f32], add: bool) {
        weights.matrix.multiply(self.threads, x, y, weights.bias.as_deref(), add);
    }
}

impl Angles {
    /// Angles are rounded to f32 before their cosine, as Hugging Face computes them.
    fn new(config: &PolicyConfig, positions: usize) -> Self {
        let frequencies = config.rope_frequencies();
        let angles = (0..positions).flat_map(|position| {
            frequencies.iter().map(move |frequency| f64::from(frequency * position as f32))
        });
        let (cos, sin) = angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Self { cos, sin, pairs: frequencies.len() }
    }

    fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let start = position * self.pairs;
        (&self.cos[start..][..self.pairs], &self.sin[start..][..self.pairs])
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
