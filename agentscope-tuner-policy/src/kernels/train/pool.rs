//! Memory that one step leaves to the next. dfdx clears every buffer that it hands out, on one thread, and its cache
//! matches lengths exactly; a training step writes each buffer whole and its lengths change from batch to batch.

use std::sync::{Mutex, PoisonError};

/// More buffers than a deep model has in one step would be memory that nobody comes back for.
const MOST: usize = 512;

static POOL: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// `len` numbers whose values mean nothing.
pub(super) fn take(len: usize) -> Vec<f32> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |buffer: &Vec<f32>| buffer.capacity() >= len && buffer.capacity() <= len + len / 4;
    // The youngest is the likeliest to be in the processor's cache.
    let found = pool.iter().rposition(fits).map(|index| pool.remove(index));
    drop(pool);
    let mut buffer = found.unwrap_or_default();
    if buffer.capacity() == 0 {
        return vec![0.0; len];
    }
    buffer.resize(len, 0.0);
    buffer
}

/// Leaves a buffer to the next step; the oldest goes where there are too many.
pub(super) fn give(buffer: Vec<f32>) {
    if buffer.capacity() == 0 {
        return;
    }
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() == MOST {
        pool.remove(0);
    }
    pool.push(buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_for_lengths_that_fit() {
        // A length that no other test uses: the pool is shared.
        let mut buffer = take(10_007);
        buffer.fill(5.0);
        let place = buffer.as_ptr();
        give(buffer);
        assert_eq!(take(20_011).len(), 20_011);
        let again = take(9_001);
        assert_eq!((again.len(), again.as_ptr()), (9_001, place));
    }
}
