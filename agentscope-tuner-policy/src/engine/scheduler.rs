//! Continuous batching: sequences join and leave between steps, and every step reads as many rows as fit.

use std::collections::VecDeque;

use dfdx::tensor::Cpu;

use crate::{
    engine::{
        blocks::{Blocks, Known, ROOT},
        model::{BLOCK, Batch, Model, Next, Row},
        request::{Event, Token},
        sampler::{Limits, Sampled, Sampler},
        sequence::Sequence,
    },
    error::{Error, Result},
    params::Params,
};

/// The sequences and the step that moves them on.
pub(crate) struct Scheduler<M> {
    model: M,
    blocks: Blocks,
    sampler: Sampler,
    waiting: VecDeque<Sequence>,
    /// In the order of their admission.
    running: Vec<Sequence>,
    batch: Batch,
    /// Which running sequence each sampled row belongs to.
    sampling: Vec<usize>,
    limits: StepLimits,
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

impl<M: Model> Scheduler<M> {
    pub(crate) fn new(model: M, limits: StepLimits, vocabulary: usize) -> Self {
        Self {
            blocks: Blocks::new(model.blocks()),
            model,
            sampler: Sampler::new(vocabulary),
            waiting: VecDeque::new(),
            running: Vec::with_capacity(limits.sequences),
            batch: Batch::default(),
            sampling: Vec::with_capacity(limits.sequences),
            limits,
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

    /// Changes the parameters between two steps, and gives their version. Sequences under way keep the keys and values they
    /// have.
    pub(crate) fn update(&mut self, params: &Params<Cpu>) -> Result<u64> {
        self.model.refill(params)?;
        self.blocks.forget_all();
        self.version += 1;
        Ok(self.version)
    }

    /// Admits, reads one batch of rows, samples.
    pub(crate) fn step(&mut self) {
        self.drop_abandoned();
        self.admit();
        self.plan();
        if self.batch.rows.is_empty() {
            return;
        }
        if let Err(error) = self.model.step(&self.batch) {
            return self.fail(&error);
        }
        self.counters.steps += 1;
        self.counters.computed += self.batch.rows.len() as u64;
        self.sample();
    }

    /// Chooses a token for each row that samples; sequences that end leave.
    fn sample(&mut self) {
        let mut ended = Vec::new();
        for (row, index) in self.sampling.iter().enumerate() {
            let sequence = &mut self.running[*index];
            let next = self.model.next(row);
            let token = next.and_then(|next| choose(&mut self.sampler, next, sequence, self.version));
            let end = match token {
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

    /// Ends what was under way: nobody knows which rows the model still read.
    fn fail(&mut self, error: &Error) {
        for mut sequence in self.running.drain(..) {
            sequence.end(Event::Failed(Error::new(error.kind(), error.to_string())));
            sequence.release(&mut self.blocks);
        }
        self.blocks.forget_all();
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
            self.model.clear(block);
            node = self.blocks.node(block);
            sequence.table.push(block);
        }
        if let (Some((from, length)), Some(&to)) = (copied, sequence.table.get(first)) {
            // What could not be copied is computed; if the device is at fault, the next step says so.
            if self.model.copy(from, to).is_ok() {
                self.blocks.computed(to, length);
                sequence.computed += length;
            }
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
            let draw = (position + 1 == sequence.tokens.len()).then(|| sequence.draw());
            self.batch.rows.push(Row { token: sequence.tokens[position], position, table, draw });
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
fn place<M: Model>(blocks: &mut Blocks, model: &mut M, sequence: &mut Sequence, position: usize) -> bool {
    let (block, slot) = (position / BLOCK, position % BLOCK);
    if block == sequence.table.len() {
        let parent = sequence.table.last().map_or(ROOT, |block| blocks.node(*block));
        let Some(taken) = blocks.take(parent, &[]) else { return false };
        model.clear(taken);
        sequence.table.push(taken);
    }
    blocks.plan(sequence.table[block], slot, sequence.tokens[position]);
    true
}

fn choose(sampler: &mut Sampler, next: Next<'_>, sequence: &mut Sequence, version: u64) -> Result<Token> {
    let mut top = Vec::new();
    let Sampled { token: id, log_prob } = match next {
        Next::Sampled(sampled) => sampled,
        Next::Logits(logits) => {
            let uniform = sequence.uniform();
            let request = &mut sequence.request;
            let allowed = request.guide.as_mut().and_then(|guide| guide.allowed());
            let limits = Limits { seen: sequence.seen.as_deref(), allowed };
            sampler.sample(logits, &request.sampling, limits, uniform, &mut top, request.top_log_probs)?
        }
    };
    Ok(Token { id, log_prob, version, top })
}
