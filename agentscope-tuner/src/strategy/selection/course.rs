//! How a race went, row by row: kept in the store for whoever draws it. Nothing is decided by it.

use serde::{Deserialize, Serialize};

use super::{
    super::statistics::{Estimate, Unit, estimate, estimate_clustered},
    race::{Race, Row},
};

/// Under this key the store keeps the course, as JSON.
pub(super) const FACT: &str = "race";
/// The first mean is that of so many rows, and the next ones at least so far apart.
const STEP: usize = 10;
/// From about 70 rows on, means are a share of the rows apart: a bootstrap at every tenth row would cost more than the race.
const SHARE: usize = 7;

/// The means of the candidates while a race went on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Share of intervals that cover the truth.
    pub confidence: f64,
    /// One for each candidate, in their order.
    pub lanes: Vec<Lane>,
}

/// One candidate in a race.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// Name of the candidate.
    pub candidate: String,
    /// Rows after which it left; nothing while it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<usize>,
    /// Its mean over the first rows, ever more of them.
    pub points: Vec<Point>,
}

/// A mean on the way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Rows that the race had seen.
    pub rows: usize,
    /// The objective over those of them that count.
    pub value: Estimate,
}

impl Course {
    pub(super) fn new(candidates: impl Iterator<Item = String>, confidence: f64) -> Self {
        let lane = |candidate| Lane { candidate, ..Lane::default() };
        Self { confidence, lanes: candidates.map(lane).collect() }
    }

    /// Follows `race` to the rows that it has looked at.
    pub(super) fn follow(&mut self, race: &Race, rows: &[Row], units: &[usize], seed: u64) {
        let over = race.next_look().is_none();
        for (one, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| lane.left.is_none()) {
            lane.left = race.departure(one).map(|departure| departure.rows);
            let end = over || lane.left.is_some();
            while let Some(stop) = lane.next_stop(rows.len(), end) {
                let value = estimated(&rows[..stop], units, one, self.confidence, seed);
                let Some(value) = value else { break };
                lane.points.push(Point { rows: stop, value });
            }
        }
    }
}

impl Lane {
    /// Rows of the next mean, at most `seen`; with `end` one of them is that of all `seen`.
    fn next_stop(&self, seen: usize, end: bool) -> Option<usize> {
        let last = self.points.last().map_or(0, |point| point.rows);
        let next = last + STEP.max(last / SHARE);
        (next <= seen).then_some(next).or((end && last < seen).then_some(seen))
    }
}

/// The mean of a candidate over `rows`, which come in `units`; `None` where none counts.
#[expect(clippy::cast_precision_loss, reason = "clusters are far below 2^53")]
fn estimated(
    rows: &[Row],
    units: &[usize],
    candidate: usize,
    confidence: f64,
    seed: u64,
) -> Option<Estimate> {
    let values: Vec<f64> = rows.iter().filter_map(|row| row[candidate]).collect();
    if units.iter().all(|size| *size == 1) {
        return estimate(&values, confidence, seed);
    }
    let (mut sums, mut from) = (Vec::new(), 0);
    for size in units {
        let own: Vec<f64> = rows.iter().skip(from).take(*size).filter_map(|row| row[candidate]).collect();
        from += size;
        if !own.is_empty() {
            sums.push(Unit { sum: own.iter().sum(), rows: own.len() as f64 });
        }
    }
    estimate_clustered(&values, &sums, confidence, seed)
}

#[cfg(test)]
mod tests {
    use super::{super::Rules, *};

    fn stops(lane: &Lane) -> Vec<usize> {
        lane.points.iter().map(|point| point.rows).collect()
    }

    #[test]
    fn a_course_follows_each_candidate_to_its_last_row() {
        let rows: Vec<Row> = (0..120).map(|row| vec![Some(1.0), Some(f64::from(row % 2))]).collect();
        let units = vec![1; rows.len()];
        let mut race = Race::new(2, &units, Rules::default());
        let mut course = Course::new(["a", "b"].map(str::to_owned).into_iter(), 0.95);
        while let Some(seen) = race.next_look() {
            race.look(&rows[..seen], &[None, None], None);
            course.follow(&race, &rows[..seen], &units, 1);
        }
        let left = race.departure(1).unwrap().rows;
        assert!(left < 120, "{left}");
        assert_eq!((course.lanes[0].left, course.lanes[1].left), (None, Some(left)));
        for lane in &course.lanes {
            assert_eq!(stops(lane).last(), Some(&left));
            assert!(stops(lane).windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert_eq!(course.lanes[0].points[0].value.mean, 1.0);
        assert_eq!(course.lanes[1].points[0].value.mean, 0.5);
    }

    #[test]
    fn a_full_race_has_a_course_too_with_few_points() {
        let rows: Vec<Row> = (0..10_003).map(|row| vec![Some(f64::from(row % 2))]).collect();
        let mut race = Race::new(1, &vec![1; rows.len()], Rules { full: true, ..Rules::default() });
        let mut course = Course::new(std::iter::once("a".to_owned()), 0.95);
        race.look(&rows, &[None], None);
        course.follow(&race, &rows, &vec![1; rows.len()], 1);
        let stops = stops(&course.lanes[0]);
        assert_eq!((stops[0], stops[1], stops.last()), (10, 20, Some(&10_003)));
        assert!(stops.len() < 60, "{}", stops.len());
    }

    #[test]
    fn the_interval_on_the_way_allows_for_clusters() {
        // Five clusters of four equal rows: as wide as with five rows.
        let rows: Vec<Row> = (0..20).map(|row| vec![Some(f64::from(row / 4 % 2))]).collect();
        let clustered = estimated(&rows, &[4; 5], 0, 0.95, 1).unwrap();
        let alone = estimated(&rows, &[1; 20], 0, 0.95, 1).unwrap();
        assert!(clustered.high - clustered.low > 1.3 * (alone.high - alone.low), "{clustered:?} {alone:?}");
    }
}
