//! What waits to be written, taken in groups.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a group gathers, and how many end it early: bounds what a kill can take.
const GATHER: Duration = Duration::from_millis(20);
const GROUP: usize = 1024;

/// A queue with one reader, which is woken once a group and not for each item.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    items: Vec<T>,
    urgent: bool,
    closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let waiting = Waiting { items: Vec::new(), urgent: false, closed: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }
}

impl<T> Queue<T> {
    /// Adds `item`, unless the queue is closed. With an `urgent` one the group waits for no more.
    pub(super) fn push(&self, item: T, urgent: bool) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        waiting.items.push(item);
        waiting.urgent |= urgent;
        let wake = urgent || matches!(waiting.items.len(), 1 | GROUP);
        drop(waiting);
        if wake {
            self.changed.notify_one();
        }
        true
    }

    /// Nothing is added any more; what waits is still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Drops what waits.
    pub(super) fn clear(&self) {
        let dropped = mem::take(&mut self.lock().items);
        drop(dropped);
    }

    /// Waits for an item and, for a moment, for more of them; `None` once the queue is closed and empty.
    pub(super) fn next_group(&self) -> Option<Vec<T>> {
        let idle = |waiting: &mut Waiting<T>| waiting.items.is_empty() && !waiting.closed;
        let waiting = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let gathers =
            |waiting: &mut Waiting<T>| !waiting.urgent && !waiting.closed && waiting.items.len() < GROUP;
        let (mut waiting, _) =
            self.changed.wait_timeout_while(waiting, GATHER, gathers).unwrap_or_else(PoisonError::into_inner);
        waiting.urgent = false;
        let group = mem::take(&mut waiting.items);
        (!group.is_empty()).then_some(group)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Instant};

    use super::*;

    #[test]
    fn a_group_is_what_came_within_a_moment_and_an_urgent_item_ends_it() {
        let queue = Queue::default();
        for item in 0..3 {
            assert!(queue.push(item, false));
        }
        let started = Instant::now();
        assert_eq!(queue.next_group(), Some(vec![0, 1, 2]));
        assert!(started.elapsed() >= GATHER);
        assert!(queue.push(3, true));
        assert_eq!(queue.next_group(), Some(vec![3]));
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_nothing() {
        let queue = Queue::default();
        queue.push(1, false);
        queue.close();
        assert!(!queue.push(2, false));
        assert_eq!((queue.next_group(), queue.next_group()), (Some(vec![1]), None));
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let queue = Arc::new(Queue::default());
        let reader = thread::spawn({
            let queue = Arc::clone(&queue);
            move || std::iter::from_fn(|| queue.next_group()).flatten().collect::<Vec<u32>>()
        });
        for item in 0..5_000 {
            queue.push(item, item % 997 == 0);
        }
        queue.close();
        assert_eq!(reader.join().unwrap(), (0..5_000).collect::<Vec<_>>());
    }
}
