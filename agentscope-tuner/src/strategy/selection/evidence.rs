//! What the end of a race shows about each candidate against the leader.

use super::{
    super::statistics::{Estimate, Unit, detectable_effect, deviation, difference, holm, paired_p},
    race::{RACE_SHARE, Race, Row, Rules, mean_of},
};

/// A candidate against the leader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The leader's reward less the candidate's.
    pub difference: Option<Estimate>,
    /// Two-sided p on the rows that count for both, as if they had been looked at once: McNemar's or sign permutation.
    pub p: f64,
    /// p of the whole selection, to be held against 1 - confidence: always-valid for those who left, else Holm's.
    pub adjusted: f64,
    /// The smallest difference that so many rows would show in 80 % of runs.
    pub detectable: Option<f64>,
}

/// The candidate still in that has the best mean over the rows of the race; `None` when none was scored.
pub fn leader(race: &Race, rows: &[Row]) -> Option<usize> {
    let rows = &rows[..race.rows().min(rows.len())];
    let means = race.active().into_iter().map(|one| (one, mean_of(rows, one)));
    let scored = means.filter(|(_, mean)| mean.is_finite());
    scored.max_by(|one, other| one.1.total_cmp(&other.1).then(other.0.cmp(&one.0))).map(|(one, _)| one)
}

/// All candidates against `leader`, itself left out, in their order.
///
/// The leader was chosen by the same rows, so the family of the tests is all pairs. Those who left are judged by the
/// always-valid bound, with four fifths of the error; the others by one test at the end, with the last fifth, or with all
/// of it where nobody may leave.
pub fn against(
    race: &Race,
    rows: &[Row],
    units: &[usize],
    leader: usize,
    rules: Rules,
    seed: u64,
) -> Vec<(usize, Evidence)> {
    let candidates = rows.first().map_or(0, Vec::len);
    let share = if rules.full { 1.0 } else { 1.0 - RACE_SHARE };
    let rest: Vec<usize> = (0..candidates).filter(|one| *one != leader).collect();
    let mut found: Vec<_> =
        rest.iter().map(|one| (*one, compare(rows, units, (leader, *one), rules, seed))).collect();
    let stayed = |one: usize| race.departure(one).is_none();
    let p: Vec<f64> =
        found.iter().filter(|(one, _)| stayed(*one)).map(|(_, found)| found.p / share).collect();
    let mut adjusted = holm(&p, candidates * (candidates - 1) / 2).into_iter();
    for (one, evidence) in &mut found {
        evidence.adjusted = match race.departure(*one) {
            Some(departure) => departure.p,
            None => adjusted.next().unwrap_or(1.0),
        };
    }
    found
}

fn compare(rows: &[Row], units: &[usize], pair: (usize, usize), rules: Rules, seed: u64) -> Evidence {
    let (differences, sums) = differences(rows, units, pair);
    let p = paired_p(&differences, &sums, seed);
    let level = 1.0 - rules.confidence;
    let spread = deviation(&differences).filter(|_| sums.len() == differences.len());
    let detectable = spread.and_then(|spread| detectable_effect(spread, differences.len(), level));
    let difference = difference(&differences, &sums, rules.confidence, seed);
    Evidence { difference, p, adjusted: p, detectable: detectable.filter(|effect| *effect > 0.0) }
}

/// The leads of the first of a `pair` on the rows that count for both, and their sums over units.
#[expect(clippy::cast_precision_loss, reason = "clusters are far below 2^53")]
fn differences(rows: &[Row], units: &[usize], (one, other): (usize, usize)) -> (Vec<f64>, Vec<Unit>) {
    let (mut all, mut sums, mut from) = (Vec::new(), Vec::new(), 0);
    for size in units {
        let unit = rows.iter().skip(from).take(*size);
        let leads: Vec<f64> = unit.filter_map(|row| Some(row[one]? - row[other]?)).collect();
        from += size;
        if !leads.is_empty() {
            sums.push(Unit { sum: leads.iter().sum(), rows: leads.len() as f64 });
            all.extend(leads);
        }
    }
    (all, sums)
}
