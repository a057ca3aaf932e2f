//! Continuous batching: sequences join and leave between steps, and every step reads as many rows as fit.

use std::collections::VecDeque;

use crate::{
    engine::{
        blocks::{Blocks, Known, ROOT},
        forward::{Batch, Model, Row},
        request::{Event, Token},
        sampler::{Limits, Sampler},
        sequence::Sequence,
    },
    error::Result,
    kernels::kv_cache::BLOCK,
};

/// The sequences and the step that moves them on.
pub(crate) struct Scheduler {
    model: Model,
    blocks: Blocks,
    sampler: Sampler,
    waiting: VecDeque<Sequence>,
    /// In the order of their admission.
    running: Vec<Sequence>,
    batch: Batch,
    /// Which running sequence each sampled row belongs to.
    sampling: Vec<usize>,
    limits: StepLimits,
    vocabulary: usize,
    version: u64,
    pub(crate) counters: Counters,
}

/// What one step may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepLimits {
    pub(crate) rows: usize,
    pub(crate) sequences: usize,
}

/// What the engine has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Steps of the model.
    pub steps: u64,
    /// Tokens read by the model: prompts and what was sampled.
    pub computed: u64,
    /// Prompt tokens that were found in the cache instead.
    pub reused: u64,
    /// Tokens sampled.
    pub sampled: u64,
    /// Sequences put back for want of memory, to be read again later.
    pub preempted: u64,
}

impl Scheduler {
    pub(crate) fn new(model: Model, limits: StepLimits, vocabulary: usize) -> Self {
        Self {
            blocks: Blocks::new(model.cache.blocks()),
            model,
            sampler: Sampler::new(vocabulary),
            waiting: VecDeque::new(),
            running: Vec::with_capacity(limits.sequences),
            batch: Batch::default(),
            sampling: Vec::with_capacity(limits.sequences),
            limits,
            vocabulary,
            version: 0,
            counters: Counters::default(),
        }
    }

    pub(crate) fn push(&mut self, sequence: Sequence) {
        self.waiting.push_back(sequence);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Changes the parameters between two steps. Sequences under way keep the keys and values they have.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut Model)) -> u64 {
        change(&mut self.model);
        self.blocks.forget_all();
        self.version += 1;
        self.version
    }

    /// Admits, reads one batch of rows, samples.
    pub(crate) fn step(&mut self) {
        self.drop_abandoned();
        self.admit();
        self.plan();
        if self.batch.rows.is_empty() {
            return;
        }
        let logits = self.model.step(&self.batch);
        self.counters.steps += 1;
        self.counters.computed += self.batch.rows.len() as u64;
        let mut ended = Vec::new();
        for (row, index) in logits.chunks_exact(self.vocabulary).zip(&self.sampling) {
            let sequence = &mut self.running[*index];
            let end = match sample(&mut self.sampler, row, sequence, self.version) {
                Ok(token) => sequence.push(token).map(Event::Finished),
                Err(error) => Some(Event::Failed(error)),
            };
            self.counters.sampled += 1;
            if let Some(end) = end {
                sequence.end(end);
                ended.push(*index);
            }
        }
        ended.sort_unstable();
        for index in ended.into_iter().rev() {
            self.running.remove(index).release(&mut self.blocks);
        }
    }

    fn drop_abandoned(&mut self) {
        self.waiting.retain(|sequence| !sequence.is_abandoned());
        let blocks = &mut self.blocks;
        self.running.retain_mut(|sequence| {
            let stays = !sequence.is_abandoned();
            if !stays {
                sequence.release(blocks);
            }
            stays
        });
    }

    /// Takes waiting sequences in the order of their arrival while there is room. One whose prompt another is reading
    /// at this moment lets those behind it pass.
    fn admit(&mut self) {
        let mut index = 0;
        while index < self.waiting.len() && self.running.len() < self.limits.sequences {
            let Known::Now { shared, copied } = self.blocks.find(&self.waiting[index].tokens) else {
                index += 1;
                continue;
            };
            let wanted = self.waiting[index].tokens.len().div_ceil(BLOCK) - shared.len();
            // One block more for each that runs, or the newcomer would push out an older one at once.
            if wanted + self.running.len() > self.blocks.available() && !self.running.is_empty() {
                shared.iter().rev().for_each(|block| self.blocks.release(*block));
                return;
            }
            let Some(mut sequence) = self.waiting.remove(index) else { return };
            sequence.computed = shared.len() * BLOCK;
            sequence.table = shared;
            self.start(sequence, copied);
        }
    }

    /// Takes the blocks of the rest of the prompt.
    fn start(&mut self, mut sequence: Sequence, copied: Option<(u32, usize)>) {
        let mut node = sequence.table.last().map_or(ROOT, |block| self.blocks.node(*block));
        // Held while new blocks are taken, or taking one could push it out.
        let source = copied.map(|(block, _)| block);
        source.into_iter().for_each(|block| self.blocks.share(block));
        let first = sequence.table.len();
        for tokens in sequence.tokens[sequence.computed..].chunks(BLOCK) {
            let Some(block) = self.blocks.take(node, tokens) else { break };
            self.model.cache.clear(block);
            node = self.blocks.node(block);
            sequence.table.push(block);
        }
        if let (Some((from, length)), Some(&to)) = (copied, sequence.table.get(first)) {
            self.model.cache.copy(from, to);
            self.blocks.computed(to, length);
            sequence.computed += length;
        }
        source.into_iter().for_each(|block| self.blocks.release(block));
        self.counters.reused += sequence.computed as u64;
        self.running.push(sequence);
    }

    /// Lays out the rows of the next step: first one token of each sequence that samples, then prompts.
    fn plan(&mut self) {
        self.batch.rows.clear();
        self.batch.tables.clear();
        self.sampling.clear();
        for samples in [true, false] {
            let mut index = 0;
            while index < self.running.len() && self.batch.rows.len() < self.limits.rows {
                let sequence = &self.running[index];
                let wanted = match sequence.tokens.len() - sequence.computed {
                    0 => false,
                    unread => (unread == 1) == samples,
                };
                if wanted && !self.plan_rows(index) && samples {
                    self.preempt();
                } else {
                    index += 1;
                }
            }
        }
    }

    /// Adds the next rows of one sequence; false when the cache has no block left for them.
    fn plan_rows(&mut self, index: usize) -> bool {
        let room = self.limits.rows - self.batch.rows.len();
        let sequence = &mut self.running[index];
        let end = sequence.tokens.len().min(sequence.computed + room);
        for position in sequence.computed..end {
            if !place(&mut self.blocks, &mut self.model, sequence, position) {
                return false;
            }
        }
        let table = self.batch.tables.len();
        self.batch.tables.extend_from_slice(&sequence.table);
        for position in sequence.computed..end {
            let samples = position + 1 == sequence.tokens.len();
            self.batch.rows.push(Row { token: sequence.tokens[position], position, table, samples });
        }
        for block in sequence.computed / BLOCK..end.div_ceil(BLOCK) {
            self.blocks.computed(sequence.table[block], (end - block * BLOCK).min(BLOCK));
        }
        sequence.computed = end;
        if end == sequence.tokens.len() {
            self.sampling.push(index);
        }
        true
    }

    /// Puts the youngest sequence, for which no row is planned yet, back to the head of the queue. Its tokens stay; reading them again gives the same
    /// keys and values to the last bit, so its future does not change.
    fn preempt(&mut self) {
        if let Some(mut sequence) = self.running.pop() {
            sequence.release(&mut self.blocks);
            self.counters.preempted += 1;
            self.waiting.push_front(sequence);
        }
    }
}

/// Sees to it that `position` has a block that knows its token.
fn place(blocks: &mut Blocks, model: &mut Model, sequence: &mut Sequence, position: usize) -> bool {
    let (block, slot) = (position / BLOCK, position % BLOCK);
    if block == sequence.table.len() {
        let parent = sequence.table.last().map_or(ROOT, |block| blocks.node(*block));
        let Some(taken) = blocks.take(parent, &[]) else { return false };
        model.cache.clear(taken);
        sequence.table.push(taken);
    }
    blocks.plan(sequence.table[block], slot, sequence.tokens[position]);
    true
}

fn sample(sampler: &mut Sampler, logits: &[f32], sequence: &mut Sequence, version: u64) -> Result<Token> {
    let index = sequence.sampled();
    let request = &mut sequence.request;
    let allowed = request.guide.as_mut().and_then(|guide| guide.allowed());
    let limits = Limits { seen: sequence.seen.as_deref(), allowed };
    let uniform = uniform(request.sampling.seed, index as u64);
    let mut top = Vec::new();
    let sampled =
        sampler.sample(logits, &request.sampling, limits, uniform, &mut top, request.top_log_probs)?;
    Ok(Token { id: sampled.token, log_prob: sampled.log_prob, version, top })
}

/// A number in [0, 1) that depends on the seed and the index alone: the finaliser of SplitMix64 (Steele et al., 2014)
/// over both.
fn uniform(seed: u64, index: u64) -> f64 {
    let mix = |mut z: u64| {
        z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (mix(mix(seed) ^ index) >> 11) as f64 / (1_u64 << 53) as f64
}
