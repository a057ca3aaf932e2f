//! The threads of the decode engine.

use std::ops::Range;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Work below this many multiplications is not worth a second thread.
const PARALLEL_FROM: usize = 1 << 18;

/// A pool of a fixed number of threads.
#[derive(Debug)]
pub(crate) struct Threads {
    pool: Option<ThreadPool>,
    count: usize,
}

impl Threads {
    /// `count` threads; where the system grants no more, the calling one alone.
    pub(crate) fn new(count: usize) -> Self {
        let builder = || ThreadPoolBuilder::new().num_threads(count).thread_name(|i| format!("decode-{i}"));
        let pool = (count > 1).then(|| builder().build().ok()).flatten();
        Self { count: pool.as_ref().map_or(1, ThreadPool::current_num_threads), pool }
    }

    /// How many threads there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Runs `work` inside the pool, so that [`split`](Self::split) within it forks without a detour.
    pub(crate) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Cuts `0..count` into one run for each thread, where `cost` multiplications in all are worth it.
    pub(crate) fn split(&self, count: usize, cost: usize, work: impl Fn(Range<usize>) + Sync) {
        if self.count == 1 || cost < PARALLEL_FROM {
            return work(0..count);
        }
        self.enter(|| fork(0..count, self.count, &work));
    }

    /// [`split`](Self::split) where each run has scratch memory of its own: one of `scratch` for each thread.
    pub(crate) fn split_with<S: Send>(
        &self,
        count: usize,
        cost: usize,
        scratch: &mut [S],
        work: impl Fn(Range<usize>, &mut S) + Sync,
    ) {
        if self.count == 1 || cost < PARALLEL_FROM {
            return work(0..count, &mut scratch[0]);
        }
        self.enter(|| fork_with(0..count, scratch, &work));
    }
}

fn fork(range: Range<usize>, parts: usize, work: &(impl Fn(Range<usize>) + Sync)) {
    if parts == 1 {
        return work(range);
    }
    let left = parts / 2;
    let middle = range.start + range.len() * left / parts;
    let (first, second) = (range.start..middle, middle..range.end);
    rayon::join(|| fork(first, left, work), || fork(second, parts - left, work));
}

fn fork_with<S: Send>(range: Range<usize>, scratch: &mut [S], work: &(impl Fn(Range<usize>, &mut S) + Sync)) {
    if let [scratch] = scratch {
        return work(range, scratch);
    }
    let parts = scratch.len();
    let middle = range.start + range.len() * (parts / 2) / parts;
    let (first, second) = (range.start..middle, middle..range.end);
    let (left, right) = scratch.split_at_mut(parts / 2);
    rayon::join(|| fork_with(first, left, work), || fork_with(second, right, work));
}
