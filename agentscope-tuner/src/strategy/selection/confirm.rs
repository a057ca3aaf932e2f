//! The winner measured again, on rows that did not choose it.
//!
//! A race that ends early leaves rows over: the winner is run on some of them. Where it needed all rows, the choice is
//! cross-fitted instead: repeated without each tenth of the rows, and what it then chooses is scored on that tenth (the
//! nested cross-validation of Stone 1974). Either way no row scores a choice that it had a part in, and no row is kept
//! from the race.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use super::{
    plan::Plan,
    race::{Race, Row, mean_of},
    track::Track,
};
use crate::rollout::{Job, Record};

/// Parts of the rows that are left out in turn.
const FOLDS: usize = 10;

/// The rows after an ended race on which its winner is run: whole `units`, at most `held` rows. Empty where less than half
/// of these are left.
pub fn spare(race: &Race, units: &[usize], held: usize) -> Range<usize> {
    let from = race.rows();
    let ends = units.iter().scan(0, |end, size| {
        *end += size;
        Some(*end)
    });
    let to = ends.take_while(|end| *end <= from + held).last().unwrap_or(from).max(from);
    if 2 * (to - from) < held { from..from } else { from..to }
}

/// For each of `rows` the candidate that the rows outside its fold choose, from those who were in the race until its last
/// `late` rows; where they choose the `leader`, the `winner` stands for it. `None` where no row lies outside: all are of one
/// cluster.
pub fn cross_fit(
    race: &Race,
    rows: &[Row],
    units: &[usize],
    late: usize,
    (leader, winner): (usize, usize),
) -> Vec<Option<usize>> {
    let played = |one: usize| race.departure(one).map_or(rows.len(), |left| left.rows);
    let candidates = rows.first().map_or(0, Vec::len);
    let finalists: Vec<usize> = (0..candidates).filter(|one| played(*one) + late > rows.len()).collect();
    let common = finalists.iter().map(|one| played(*one)).min().unwrap_or_default();
    let folds: Vec<usize> =
        units.iter().enumerate().flat_map(|(unit, size)| std::iter::repeat_n(unit % FOLDS, *size)).collect();
    let choice = |fold: usize| {
        let outside = rows[..common].iter().zip(&folds).filter(|(_, own)| **own != fold);
        let outside: Vec<Row> = outside.map(|(row, _)| row.clone()).collect();
        let means = finalists.iter().map(|one| (*one, mean_of(&outside, *one)));
        let scored = means.filter(|(_, mean)| mean.is_finite());
        let best = scored.max_by(|one, other| one.1.total_cmp(&other.1).then(other.0.cmp(&one.0)));
        best.map(|(one, _)| if one == leader { winner } else { one })
    };
    let choices: Vec<Option<usize>> = (0..FOLDS).map(choice).collect();
    folds.into_iter().map(|fold| choices[fold]).collect()
}

/// What the winner is measured by.
pub(super) struct Confirming {
    /// Under its name.
    pub(super) records: Vec<Arc<Record>>,
    pub(super) how: How,
}

/// How no row scores a choice that it had a part in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    /// They came after the race.
    Spare,
    /// Each was left out of the choice that it scores.
    CrossFitted,
}

/// What is to be run after a race to confirm its (leader, winner): nothing where `records` have it.
pub(super) fn again(
    plan: &Plan,
    track: &Track<'_>,
    (_, winner): (usize, usize),
    records: &[Arc<Record>],
) -> Vec<Job> {
    let winner = &plan.candidates[winner];
    let own = records.iter().filter(|record| record.candidate == winner.name);
    let known: HashSet<(&str, u32)> = own.map(|record| (&*record.task_id, record.attempt)).collect();
    let rows = &plan.rows[spare(&track.race, &plan.units, plan.held)];
    let mut jobs = Job::grid(std::slice::from_ref(winner), rows, plan.repeats);
    jobs.retain(|job| !known.contains(&(&*job.task.id, job.attempt)));
    jobs
}

/// The records that confirm a (leader, winner), once all of [`again`] has ended.
pub(super) fn confirming(
    plan: &Plan,
    track: &Track<'_>,
    choice: (usize, usize),
    records: &[Arc<Record>],
) -> Confirming {
    let rows = spare(&track.race, &plan.units, plan.held);
    if plan.held > 0 && rows.is_empty() {
        let matrix = track.rows(plan.rows.len());
        let choices = cross_fit(&track.race, &matrix, &plan.units, plan.held, choice);
        return Confirming {
            records: cross_fitted(plan, &choices, choice.1, records),
            how: How::CrossFitted,
        };
    }
    let rows: HashSet<&str> = plan.rows[rows].iter().map(|row| row.id.as_str()).collect();
    let name = &plan.candidates[choice.1].name;
    let own = records.iter().filter(|record| record.candidate == *name && rows.contains(&*record.task_id));
    Confirming { records: own.cloned().collect(), how: How::Spare }
}

/// The records of the choices of [`cross_fit`], under the name of the winner.
fn cross_fitted(
    plan: &Plan,
    choices: &[Option<usize>],
    winner: usize,
    records: &[Arc<Record>],
) -> Vec<Arc<Record>> {
    let chosen: HashMap<&str, &str> = plan
        .rows
        .iter()
        .zip(choices)
        .filter_map(|(row, choice)| Some((row.id.as_str(), plan.candidates[(*choice)?].name.as_str())))
        .collect();
    let own = records.iter().filter(|record| chosen.get(&*record.task_id) == Some(&&*record.candidate));
    let name = &plan.candidates[winner].name;
    own.map(|record| Arc::new(Record { candidate: name.clone(), ..(**record).clone() })).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::Rules, *};

    fn raced(rows: &[Row], units: &[usize]) -> Race {
        let mut race = Race::new(rows[0].len(), units, Rules::default());
        while race.next_look().is_some() {
            race.look(rows, &vec![None; rows[0].len()], None);
        }
        race
    }

    #[test]
    fn rows_that_a_race_left_over_are_taken_and_too_few_are_none() {
        let rows: Vec<Row> = (0..100).map(|_| vec![Some(1.0), Some(0.0)]).collect();
        let race = raced(&rows, &[1; 100]);
        assert_eq!(race.rows(), 10);
        assert_eq!(spare(&race, &[1; 100], 20), 10..30);
        assert_eq!(spare(&race, &[1; 26], 20), 10..26);
        assert!(spare(&race, &[1; 15], 20).is_empty());
        assert!(spare(&race, &[1; 100], 0).is_empty());
        // Clusters stay whole.
        let race = raced(&rows, &[5; 20]);
        assert_eq!(spare(&race, &[5; 20], 12), race.rows()..race.rows() + 10);
    }

    #[test]
    fn each_fold_is_scored_by_what_the_others_choose() {
        // The first is right on the rows of fold 0 and one more, the second on one row of fold 1 and one of fold 2:
        // with fold 0 the first leads, without it the second.
        let right = |row: usize| match row {
            0 | 10 | 3 => [Some(1.0), Some(0.0)],
            1 | 2 => [Some(0.0), Some(1.0)],
            _ => [Some(0.0), Some(0.0)],
        };
        let rows: Vec<Row> = (0..20).map(|row| right(row).to_vec()).collect();
        let race = raced(&rows, &[1; 20]);
        assert_eq!(race.active(), [0, 1]);
        let choices = cross_fit(&race, &rows, &[1; 20], 2, (0, 0));
        assert!(choices.iter().enumerate().all(|(row, choice)| *choice == Some(usize::from(row % 10 == 0))));
        // A cheaper winner stands where the leader does.
        let choices = cross_fit(&race, &rows, &[1; 20], 2, (0, 7));
        assert_eq!((choices[0], choices[1]), (Some(1), Some(7)));
        // Rows of one cluster leave nothing to choose by.
        assert_eq!(cross_fit(&race, &rows, &[20], 2, (0, 0)), [None; 20]);
    }

    #[test]
    fn the_best_of_many_equals_looks_no_better_than_it_is() {
        // Mean reward 1/2 for all: the best mean is far above that, the cross-fitted one is not.
        let cell = |world: u64, row: usize, one: usize| {
            crate::seed::unit(world, "cross-fit", [&row.to_le_bytes()[..], &one.to_le_bytes()])
        };
        let worlds = 200_u32;
        let (mut best, mut fitted) = (0.0, 0.0);
        for world in 0..worlds {
            let value = |row, one| Some(f64::from(u8::from(cell(world.into(), row, one) < 0.5)));
            let rows: Vec<Row> = (0..50).map(|row| (0..8).map(|one| value(row, one)).collect()).collect();
            let mut race = Race::new(8, &[1; 50], Rules { full: true, ..Rules::default() });
            race.look(&rows, &[None; 8], None);
            let leader = super::super::leader(&race, &rows).unwrap();
            let choices = cross_fit(&race, &rows, &[1; 50], 5, (leader, leader));
            best += mean_of(&rows, leader);
            fitted += rows.iter().zip(&choices).filter_map(|(row, one)| row[(*one)?]).sum::<f64>() / 50.0;
        }
        let (best, fitted) = (best / f64::from(worlds), fitted / f64::from(worlds));
        assert!(best > 0.58 && (fitted - 0.5).abs() < 0.02, "{best} {fitted}");
    }
}
