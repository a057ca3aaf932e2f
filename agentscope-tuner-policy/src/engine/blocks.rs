//! Which blocks of the cache hold which tokens: sharing of prefixes, reuse after a sequence has ended.
//!
//! Blocks form a tree: a block's *node* stands for all tokens from the start of the sequence to the block's end. Two
//! sequences that begin alike walk the same nodes, and so share the blocks. A block that nobody uses stays in the tree
//! until its memory is needed, the least recently used first.

use std::collections::{BTreeMap, HashMap};

use crate::kernels::kv_cache::BLOCK;

/// The node before the first token.
pub(crate) const ROOT: u64 = 0;

/// How many siblings are compared for a common beginning.
const COMPARED: usize = 32;

/// The accounts of all blocks of the cache.
#[derive(Debug)]
pub(crate) struct Blocks {
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Full blocks by their parent's node and their tokens.
    full: HashMap<(u64, [u32; BLOCK]), u32>,
    /// The youngest child of each node.
    children: HashMap<u64, u32>,
    /// Blocks that nobody uses, by the time since when.
    idle: BTreeMap<u64, u32>,
    next_node: u64,
    clock: u64,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    users: usize,
    node: u64,
    parent: u64,
    tokens: [u32; BLOCK],
    /// How many of `tokens` will be computed by whoever took the block.
    planned: usize,
    /// How many are.
    computed: usize,
    idle_since: u64,
    older: Option<u32>,
    younger: Option<u32>,
}

/// What the cache already knows of a prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Another sequence is computing more of this prompt at this moment: wait for it.
    Soon,
    /// The blocks to share, each now used once more, and the part of a block to copy.
    Now { shared: Vec<u32>, copied: Option<(u32, usize)> },
}

impl Blocks {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            entries: vec![Entry::default(); count],
            free: (0..count as u32).rev().collect(),
            full: HashMap::with_capacity(count),
            children: HashMap::with_capacity(count),
            idle: BTreeMap::new(),
            next_node: ROOT + 1,
            clock: 0,
        }
    }

    /// How many blocks could be taken now.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.idle.len()
    }

    /// The node that ends with `block`.
    pub(crate) fn node(&self, block: u32) -> u64 {
        self.entries[block as usize].node
    }

    /// Finds the longest known beginning of `prompt`; its last token is never among it, since that must be read anew.
    pub(crate) fn find(&mut self, prompt: &[u32]) -> Known {
        let (mut node, mut shared) = (ROOT, Vec::new());
        let whole = (prompt.len() - 1) / BLOCK;
        for tokens in prompt.as_chunks::<BLOCK>().0.iter().take(whole) {
            let Some(&block) = self.full.get(&(node, *tokens)) else { break };
            let entry = &self.entries[block as usize];
            if entry.computed < BLOCK {
                return Known::Soon;
            }
            node = entry.node;
            shared.push(block);
        }
        let rest = &prompt[shared.len() * BLOCK..prompt.len() - 1];
        let Some(copied) = self.find_part(node, rest) else { return Known::Soon };
        for &block in &shared {
            self.share(block);
        }
        Known::Now { shared, copied }
    }

    /// The child of `node` that begins most like `tokens`; nothing when one that begins better is still being computed.
    fn find_part(&self, node: u64, tokens: &[u32]) -> Option<Option<(u32, usize)>> {
        let mut best: Option<(u32, usize)> = None;
        let mut soon = 0;
        let mut next = self.children.get(&node).copied();
        for _ in 0..COMPARED {
            let Some(block) = next else { break };
            let entry = &self.entries[block as usize];
            let planned = common(&entry.tokens[..entry.planned], tokens);
            let computed = planned.min(entry.computed);
            if computed > best.map_or(0, |(_, length)| length) {
                best = Some((block, computed));
            }
            if planned > computed && entry.users > 0 {
                soon = soon.max(planned);
            }
            next = entry.older;
        }
        (soon <= best.map_or(0, |(_, length)| length)).then_some(best)
    }

    /// Uses a block once more.
    pub(crate) fn share(&mut self, block: u32) {
        let entry = &mut self.entries[block as usize];
        if entry.users == 0 {
            self.idle.remove(&entry.idle_since);
        }
        entry.users += 1;
    }

    /// Takes a block that will follow `parent` and hold `tokens` (fewer than [`BLOCK`] when more will be sampled).
    pub(crate) fn take(&mut self, parent: u64, tokens: &[u32]) -> Option<u32> {
        let block = match self.free.pop() {
            Some(block) => block,
            None => self.evict()?,
        };
        let node = self.next_node;
        self.next_node += 1;
        let older = self.children.insert(parent, block);
        if let Some(older) = older {
            self.entries[older as usize].younger = Some(block);
        }
        let mut held = [0; BLOCK];
        held[..tokens.len()].copy_from_slice(tokens);
        let entry = &mut self.entries[block as usize];
        *entry =
            Entry { users: 1, node, parent, tokens: held, planned: tokens.len(), older, ..Entry::default() };
        if tokens.len() == BLOCK {
            self.full.entry((parent, held)).or_insert(block);
        }
        Some(block)
    }

    /// Notes that `token` will be at `slot` of `block`, where that is not known yet.
    pub(crate) fn plan(&mut self, block: u32, slot: usize, token: u32) {
        let entry = &mut self.entries[block as usize];
        if slot < entry.planned {
            return;
        }
        entry.tokens[slot] = token;
        entry.planned = slot + 1;
        if entry.planned == BLOCK {
            let (parent, tokens) = (entry.parent, entry.tokens);
            self.full.entry((parent, tokens)).or_insert(block);
        }
    }

    /// Notes that the first `count` tokens of `block` are computed.
    pub(crate) fn computed(&mut self, block: u32, count: usize) {
        let entry = &mut self.entries[block as usize];
        entry.computed = entry.computed.max(count);
    }

    /// Gives a block back; what is computed of it stays findable until the memory is needed.
    pub(crate) fn release(&mut self, block: u32) {
        let entry = &mut self.entries[block as usize];
        entry.users -= 1;
        if entry.users > 0 {
            return;
        }
        if entry.computed < entry.planned {
            // Nobody will compute the rest: forget it, or others would wait for it.
            if entry.planned == BLOCK {
                forget(&mut self.full, entry.parent, &entry.tokens, block);
            }
            entry.planned = entry.computed;
        }
        if entry.computed == 0 {
            self.unlink(block);
            self.free.push(block);
            return;
        }
        self.clock += 1;
        self.entries[block as usize].idle_since = self.clock;
        self.idle.insert(self.clock, block);
    }

    /// Forgets what every block holds: the parameters have changed. Blocks in use stay with their users.
    pub(crate) fn forget_all(&mut self) {
        self.full.clear();
        self.children.clear();
        for entry in &mut self.entries {
            (entry.older, entry.younger) = (None, None);
            // A node that nobody will ever look up.
            entry.parent = u64::MAX;
        }
        while let Some((_, block)) = self.idle.pop_first() {
            self.free.push(block);
        }
    }

    fn evict(&mut self) -> Option<u32> {
        let (_, block) = self.idle.pop_first()?;
        self.unlink(block);
        Some(block)
    }

    /// Takes a block out of the tree.
    fn unlink(&mut self, block: u32) {
        let Entry { parent, tokens, planned, older, younger, .. } = self.entries[block as usize].clone();
        if planned == BLOCK {
            forget(&mut self.full, parent, &tokens, block);
        }
        if let Some(older) = older {
            self.entries[older as usize].younger = younger;
        }
        match (younger, older) {
            (Some(younger), _) => self.entries[younger as usize].older = older,
            (None, _) if self.children.get(&parent) != Some(&block) => {}
            (None, Some(older)) => {
                self.children.insert(parent, older);
            }
            (None, None) => {
                self.children.remove(&parent);
            }
        }
    }
}

fn forget(full: &mut HashMap<(u64, [u32; BLOCK]), u32>, parent: u64, tokens: &[u32; BLOCK], block: u32) {
    if full.get(&(parent, *tokens)) == Some(&block) {
        full.remove(&(parent, *tokens));
    }
}

fn common(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}
