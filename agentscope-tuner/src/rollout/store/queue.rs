//! What waits to be written, taken in groups.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a group gathers: bounds what a kill can take.
const GATHER: Duration = Duration::from_millis(20);
/// How long one of at least [`BUSY`] items gathers: a commit writes nearly each page of an index over random keys, so
/// fewer commits are worth most where most is written.
const GATHER_BUSY: Duration = Duration::from_millis(40);
const BUSY: usize = 256;
/// How many items end a group early.
const GROUP: usize = 4096;
/// Bytes of text beyond which a group's room is not kept for a later one.
const KEPT_TEXT: usize = 8 << 20;

/// A queue with one reader, which is woken once a group and not for each item.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

/// What was taken together.
#[derive(Debug)]
pub(super) struct Group<T> {
    pub(super) items: Vec<T>,
    /// The texts of all items, one after another: one piece of memory that is used again, where a piece for each text
    /// would be freed on another thread than the one that asked for it, which allocators are slow at.
    pub(super) text: String,
}

#[derive(Debug)]
struct Waiting<T> {
    group: Group<T>,
    urgent: bool,
    closed: bool,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self { items: Vec::new(), text: String::new() }
    }
}

impl<T> Group<T> {
    /// Empty, its room kept.
    fn emptied(mut self) -> Self {
        self.items.clear();
        self.text.clear();
        self.text.shrink_to(KEPT_TEXT);
        self
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let waiting = Waiting { group: Group::default(), urgent: false, closed: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }
}

impl<T> Queue<T> {
    /// Adds the item that `make` makes, which may add its texts to those of its group, unless the queue is closed. With
    /// an `urgent` one the group waits for no more.
    pub(super) fn push(&self, urgent: bool, make: impl FnOnce(&mut String) -> T) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        let item = make(&mut waiting.group.text);
        waiting.group.items.push(item);
        waiting.urgent |= urgent;
        let wake = urgent || matches!(waiting.group.items.len(), 1 | GROUP);
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
        let dropped = mem::take(&mut self.lock().group);
        drop(dropped);
    }

    /// Waits for an item and, for a moment, for more of them; `None` once the queue is closed and empty. The room of
    /// `done`, a group that was taken before, is used again.
    pub(super) fn next_group(&self, done: Group<T>) -> Option<Group<T>> {
        let done = done.emptied();
        let idle = |waiting: &mut Waiting<T>| waiting.group.items.is_empty() && !waiting.closed;
        let mut waiting = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        waiting = self.gather(waiting, GATHER);
        if waiting.group.items.len() >= BUSY {
            waiting = self.gather(waiting, GATHER_BUSY - GATHER);
        }
        waiting.urgent = false;
        let group = mem::replace(&mut waiting.group, done);
        (!group.items.is_empty()).then_some(group)
    }

    fn gather<'a>(&self, waiting: MutexGuard<'a, Waiting<T>>, time: Duration) -> MutexGuard<'a, Waiting<T>> {
        let gathers = |waiting: &mut Waiting<T>| {
            !waiting.urgent && !waiting.closed && waiting.group.items.len() < GROUP
        };
        self.changed.wait_timeout_while(waiting, time, gathers).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Instant};

    use super::*;

    fn taken(queue: &Queue<u32>) -> Option<Vec<u32>> {
        queue.next_group(Group::default()).map(|group| group.items)
    }

    #[test]
    fn a_group_is_what_came_within_a_moment_and_an_urgent_item_ends_it() {
        let queue = Queue::default();
        for item in 0..3 {
            assert!(queue.push(false, |_| item));
        }
        let started = Instant::now();
        assert_eq!(taken(&queue), Some(vec![0, 1, 2]));
        assert!(started.elapsed() >= GATHER);
        assert!(queue.push(true, |_| 3));
        assert_eq!(taken(&queue), Some(vec![3]));
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_nothing() {
        let queue = Queue::default();
        queue.push(false, |_| 1);
        queue.close();
        assert!(!queue.push(false, |_| 2));
        assert_eq!((taken(&queue), taken(&queue)), (Some(vec![1]), None));
    }

    #[test]
    fn a_group_holds_the_texts_of_its_own_items() {
        let queue = Queue::default();
        let push = |text: &str| {
            queue.push(true, |all| {
                all.push_str(text);
                all.len()
            })
        };
        assert!(push("one") && push("two"));
        let group = queue.next_group(Group::default()).unwrap();
        assert_eq!((group.text.as_str(), &group.items[..]), ("onetwo", &[3, 6][..]));
        assert!(push("three"));
        assert_eq!(queue.next_group(group).unwrap().text, "three");
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let queue = Arc::new(Queue::default());
        let reader = thread::spawn({
            let queue = Arc::clone(&queue);
            move || std::iter::from_fn(|| taken(&queue)).flatten().collect::<Vec<u32>>()
        });
        for item in 0..5_000 {
            queue.push(item % 997 == 0, |_| item);
        }
        queue.close();
        assert_eq!(reader.join().unwrap(), (0..5_000).collect::<Vec<_>>());
    }
}
