//! The best of a search once more on the rows that chose them: the luck of the first look wears off.

use std::sync::Arc;

use super::{lab::Halt, purse::Batch, search::Search};
use crate::rollout::Job;

/// Of all rollouts that the budget pays for, one in so many is for this.
const SHARE: u64 = 6;
/// Most candidates in it.
const MOST: usize = 6;
/// Most runs of a row in it, besides the first.
const MOST_ATTEMPTS: u64 = 3;

/// Rollouts to be set aside for it.
pub(super) fn reserve(search: &Search<'_>) -> Batch {
    let rollouts = search.lab.purse.size() / SHARE;
    let pays = rollouts >= 2 * search.rows.len() as u64;
    Batch { rollouts: if pays { rollouts } else { 0 }, questions: 0 }
}

/// Runs the best few again, if what is set aside suffices for two of them, and lets them alone be champion.
pub(super) async fn play(search: &mut Search<'_>) -> Result<(), Halt> {
    let set = search.planned.1;
    let rows = search.rows.len() as u64;
    let most = usize::try_from(set / rows.max(1)).unwrap_or(usize::MAX).min(MOST);
    let mut best: Vec<usize> = (0..search.pool.len()).filter(|one| search.is_whole(*one)).collect();
    best.sort_by(|one, other| {
        let mean = |one: usize| search.mean(&search.pool[one].candidate);
        mean(*other).total_cmp(&mean(*one)).then(one.cmp(other))
    });
    best.truncate(most);
    if best.len() < 2 {
        return Ok(());
    }
    let attempts = (set / (best.len() as u64 * rows)).clamp(1, MOST_ATTEMPTS);
    let attempts = u32::try_from(attempts).unwrap_or(1);
    let candidates: Vec<_> = best.iter().map(|one| Arc::clone(&search.pool[*one].candidate)).collect();
    match search.lab.run(Job::grid(&candidates, &search.rows, search.attempts + attempts)).await {
        Ok(()) => {}
        // The finale needs more than it did before the last race.
        Err(Halt::Spent) => return Ok(()),
        Err(halt) => return Err(halt),
    }
    best.sort_unstable();
    search.contenders = Some(best);
    Ok(())
}
