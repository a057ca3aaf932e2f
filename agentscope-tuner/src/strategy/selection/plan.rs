//! Which rows a race runs, and in which order.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, Result},
    rollout::Task,
    seed,
};

/// What is to be run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) candidates: Vec<Arc<Candidate>>,
    /// The rows of the race, in random order, each cluster in one piece.
    pub(super) rows: Vec<Arc<Task>>,
    /// Sizes of the clusters in `rows`; 1 each without a cluster key.
    pub(super) units: Vec<usize>,
    /// Most rows on which the winner is measured again.
    pub(super) held: usize,
    /// How often each row is run.
    pub(super) repeats: u32,
    /// Cluster of each row by its id, where rows come in clusters.
    pub(super) clusters: BTreeMap<String, String>,
}

impl Plan {
    /// Shuffles the clusters of `tasks` by `seed`; the winner is measured again on a share of `holdout`.
    ///
    /// The order of a dataset is often by topic or difficulty; what leaves early must not depend on it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a row lacks the `cluster` column.
    pub(super) fn new(
        candidates: Vec<Arc<Candidate>>,
        tasks: &[Arc<Task>],
        cluster: Option<&str>,
        holdout: f64,
        repeats: u32,
        seed: u64,
    ) -> Result<Self> {
        let mut groups: BTreeMap<String, Vec<Arc<Task>>> = BTreeMap::new();
        for task in tasks {
            groups.entry(key(task, cluster)?).or_default().push(Arc::clone(task));
        }
        let names =
            groups.iter().flat_map(|(name, tasks)| tasks.iter().map(|task| (task.id.clone(), name.clone())));
        let clusters = if cluster.is_some() { names.collect() } else { BTreeMap::new() };
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_cached_key(|(name, _)| seed::draw(seed, "selection order", [name.as_bytes()]));
        let held = share(holdout, tasks.len());
        let units = groups.iter().map(|(_, tasks)| tasks.len()).collect();
        let rows = groups.into_iter().flat_map(|(_, tasks)| tasks).collect();
        Ok(Self { candidates, rows, units, held, repeats, clusters })
    }
}

fn key(task: &Task, cluster: Option<&str>) -> Result<String> {
    let Some(column) = cluster else { return Ok(task.id.clone()) };
    task.value.get(column).map(ToString::to_string).ok_or_else(|| {
        let message = format!(
            "row {} has no column `{column}`: name a column that each row has under [strategy.select] cluster",
            task.id
        );
        Error::new(ErrorKind::Config, message)
    })
}

/// So many of `rows`, rounded down.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no dataset has 2^53 rows"
)]
fn share(holdout: f64, rows: usize) -> usize {
    // A share such as 0.15 is a little less than it says.
    holdout.mul_add(rows as f64, 1e-9) as usize
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tasks(rows: usize) -> Vec<Arc<Task>> {
        let task = |row| Task { id: format!("test/{row}"), value: json!({"topic": row / 4}) };
        (0..rows).map(|row| Arc::new(task(row))).collect()
    }

    fn ids(rows: &[Arc<Task>]) -> Vec<&str> {
        rows.iter().map(|task| task.id.as_str()).collect()
    }

    #[test]
    fn rows_are_shuffled_by_the_seed_alone_and_each_is_used_once() {
        let plan = |tasks: &[_], seed| Plan::new(Vec::new(), tasks, None, 0.1, 1, seed).unwrap();
        let (all, mut turned) = (tasks(50), tasks(50));
        turned.reverse();
        let one = plan(&all, 1);
        assert_eq!((one.rows.len(), one.held), (50, 5));
        assert_eq!(ids(&one.rows), ids(&plan(&turned, 1).rows));
        assert_ne!(ids(&one.rows), ids(&plan(&all, 2).rows));
        let mut used: Vec<_> = ids(&one.rows);
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), 50);
    }

    #[test]
    fn clusters_stay_together() {
        let plan = Plan::new(Vec::new(), &tasks(40), Some("topic"), 0.15, 1, 3).unwrap();
        assert_eq!((&plan.units[..], plan.held), (&[4; 10][..], 6));
        assert!(plan.rows.chunks(4).all(|four| four.iter().all(|task| task.value == four[0].value)));
        let error = Plan::new(Vec::new(), &tasks(4), Some("user"), 0.0, 1, 3).unwrap_err();
        assert!(error.to_string().contains("no column `user`"), "{error}");
    }
}
