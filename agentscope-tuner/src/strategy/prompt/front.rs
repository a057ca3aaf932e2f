//! The per-row Pareto front: candidates that are best at something.
//!
//! After GEPA (arXiv 2507.19457, algorithm 2): each row is held by the candidates with its best reward; a candidate all of
//! whose rows others hold too is left out; parents are drawn by the number of rows that they hold.

/// Rewards by candidate, then row; `None` where a candidate was not run or does not count.
pub type Matrix = [Vec<Option<f64>>];

/// A candidate of the front, and how many rows it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its place in the matrix.
    pub candidate: usize,
    /// Rows with the best reward, at least 1.
    pub rows: usize,
}

/// The front, by place. Of candidates that cover each other those with the lower mean go first.
pub fn front(matrix: &Matrix) -> Vec<Holder> {
    let held = held(matrix);
    let mut order: Vec<usize> = (0..matrix.len()).collect();
    let mean = |one: &usize| mean(&matrix[*one]).unwrap_or(f64::NEG_INFINITY);
    // Of equal ones the younger goes first: it has shown nothing that the older did not.
    order.sort_by(|one, other| mean(one).total_cmp(&mean(other)).then(other.cmp(one)));
    let mut stays = vec![true; matrix.len()];
    for one in order {
        let others = |row: &Vec<usize>| row.iter().any(|other| *other != one && stays[*other]);
        stays[one] = held.iter().any(|row| row.contains(&one) && !others(row));
    }
    let rows = |one: usize| held.iter().filter(|row| row.contains(&one)).count();
    let kept = (0..matrix.len()).filter(|one| stays[*one]);
    kept.map(|one| Holder { candidate: one, rows: rows(one) }).collect()
}

/// The holder that a number in [0, 1) falls on, each as likely as it holds rows; `None` of an empty front.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn sample(front: &[Holder], unit: f64) -> Option<usize> {
    let mut left = unit * front.iter().map(|holder| holder.rows).sum::<usize>() as f64;
    for holder in front {
        left -= holder.rows as f64;
        if left < 0.0 {
            return Some(holder.candidate);
        }
    }
    front.last().map(|holder| holder.candidate)
}

/// Who has the best reward of each row.
fn held(matrix: &Matrix) -> Vec<Vec<usize>> {
    let rows = matrix.iter().map(Vec::len).max().unwrap_or_default();
    let value = |one: usize, row: usize| matrix[one].get(row).copied().flatten();
    (0..rows)
        .map(|row| {
            let best = (0..matrix.len()).filter_map(|one| value(one, row)).fold(f64::NEG_INFINITY, f64::max);
            (0..matrix.len()).filter(|one| value(*one, row).is_some_and(|value| value >= best)).collect()
        })
        .collect()
}

fn mean(rewards: &[Option<f64>]) -> Option<f64> {
    let scored: Vec<f64> = rewards.iter().copied().flatten().collect();
    crate::strategy::statistics::mean(&scored)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(rows: &[&[f64]]) -> Vec<Vec<Option<f64>>> {
        rows.iter().map(|row| row.iter().copied().map(Some).collect()).collect()
    }

    #[test]
    fn who_is_covered_by_others_is_left_out() {
        // The third is best nowhere alone, though its mean is not the worst.
        let matrix = scores(&[&[1.0, 0.0, 0.0], &[0.0, 1.0, 1.0], &[1.0, 0.0, 1.0]]);
        let front = front(&matrix);
        assert_eq!(front.iter().map(|one| one.candidate).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(front.iter().map(|one| one.rows).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn of_equal_candidates_the_eldest_stays() {
        let matrix = scores(&[&[1.0, 0.0], &[1.0, 0.0], &[1.0, 0.0]]);
        assert_eq!(front(&matrix), [Holder { candidate: 0, rows: 2 }]);
    }

    #[test]
    fn parents_are_drawn_by_the_rows_that_they_hold() {
        let front = [Holder { candidate: 4, rows: 3 }, Holder { candidate: 7, rows: 1 }];
        let drawn: Vec<_> = [0.0, 0.74, 0.76, 0.999].map(|unit| sample(&front, unit).unwrap()).into();
        assert_eq!(drawn, [4, 4, 7, 7]);
        assert_eq!(sample(&[], 0.5), None);
    }

    proptest! {
        #[test]
        fn the_front_covers_every_row_and_nobody_in_it_is_needless(
            matrix in proptest::collection::vec(
                proptest::collection::vec(proptest::option::weighted(0.9, 0_u8..3), 6), 1..9)
        ) {
            let matrix: Vec<Vec<Option<f64>>> =
                matrix.into_iter().map(|row| row.into_iter().map(|one| one.map(f64::from)).collect()).collect();
            let kept: Vec<usize> = front(&matrix).iter().map(|one| one.candidate).collect();
            let held = held(&matrix);
            for row in held.iter().filter(|row| !row.is_empty()) {
                prop_assert!(row.iter().any(|one| kept.contains(one)));
            }
            for one in &kept {
                let alone = |row: &Vec<usize>| row.contains(one) && !row.iter().any(|other| other != one && kept.contains(other));
                prop_assert!(held.iter().any(alone));
            }
        }

        #[test]
        fn a_drawn_parent_is_of_the_front(rows in proptest::collection::vec(1_usize..9, 1..6), unit in 0.0..1.0_f64) {
            let front: Vec<Holder> = rows.iter().enumerate().map(|(candidate, rows)| Holder { candidate, rows: *rows }).collect();
            prop_assert!(sample(&front, unit).is_some_and(|one| one < front.len()));
        }
    }
}
