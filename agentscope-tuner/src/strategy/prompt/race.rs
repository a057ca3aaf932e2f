//! Whether a child is better than its parent, decided on growing slices of the same rows.

use statrs::function::beta::beta_reg;

/// Rows of the first slice.
const FIRST: usize = 6;
/// A child leaves a slice when it is better with less than the first probability; at the last one it is taken when it is
/// better with at least the last.
const LEAVE: [f64; 3] = [0.3, 0.4, 0.5];
const TAKE: f64 = 0.75;
/// Where the budget ends a race early, less has been seen, so more is asked.
const TAKE_EARLY: f64 = 0.9;

/// What to do with a child after a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is not better.
    Leave,
    /// Nothing is decided: run the next slice.
    Go,
    /// It was run on all rows and is no worse: others may start from it.
    Keep,
    /// It is better: it joins the front.
    Take,
}

/// Ends of the slices of `rows` rows: each twice as long as the one before.
pub fn slices(rows: usize) -> Vec<usize> {
    let mut ends: Vec<usize> =
        std::iter::successors(Some(FIRST), |end| Some(end * 2)).take_while(|end| *end < rows).collect();
    // A last slice of a few rows would decide nothing that the one before did not.
    if ends.last().is_some_and(|end| rows - end < FIRST / 2) {
        ends.pop();
    }
    ends.push(rows);
    ends
}

/// The probability that the child is better, given the differences of rewards on the rows that both were run on.
///
/// Of n differences that are not 0 the child wins a share; with a uniform prior on it, the probability that it is above
/// one half is a regularised incomplete beta function. Graded differences count by their sizes, as (Σ|d|)²/Σd² of equal ones.
pub fn lead(differences: &[f64]) -> f64 {
    let (mut up, mut down, mut squares) = (0.0, 0.0, 0.0);
    for difference in differences {
        squares += difference * difference;
        if *difference > 0.0 { up += difference } else { down -= difference }
    }
    if squares <= 0.0 {
        return 0.5;
    }
    let all = up + down;
    let (wins, losses) = (up * all / squares, down * all / squares);
    1.0 - beta_reg(wins + 1.0, losses + 1.0, 0.5)
}

/// What to do after slice number `slice` of `slices`; `over` where the budget allows no more.
pub fn step(differences: &[f64], slice: usize, slices: usize, over: bool) -> Step {
    let lead = lead(differences);
    let last = slice + 1 >= slices;
    match (last, over) {
        (true, _) if lead >= TAKE => Step::Take,
        (false, true) if lead >= TAKE_EARLY => Step::Take,
        (true, false) if lead >= 0.5 => Step::Keep,
        (true, _) | (_, true) => Step::Leave,
        _ if lead < LEAVE[slice.min(LEAVE.len() - 1)] => Step::Leave,
        _ => Step::Go,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn slices_double_and_end_with_all_rows() {
        assert_eq!(slices(35), [6, 12, 24, 35]);
        assert_eq!(slices(26), [6, 12, 26]);
        assert_eq!(slices(4), [4]);
    }

    #[test]
    fn the_probability_by_hand() {
        assert_eq!(lead(&[]), 0.5);
        // One win: ∫ from 1/2 to 1 of 2x = 3/4; three wins: 15/16.
        assert!((lead(&[1.0]) - 0.75).abs() < 1e-12);
        assert!((lead(&[1.0, 0.0, 1.0, 1.0]) - 15.0 / 16.0).abs() < 1e-12);
        assert!((lead(&[0.2, 0.2, 0.2]) - 15.0 / 16.0).abs() < 1e-12);
        assert!((lead(&[1.0, -1.0]) - 0.5).abs() < 1e-12);
    }

    /// Share of children taken, and rows run on average, over simulated 0/1 rewards of 40 rows.
    fn taken(parent: f64, child: f64) -> (f64, f64) {
        let (worlds, ends) = (2000_u32, slices(40));
        let (mut took, mut rows) = (0.0, 0.0);
        for world in 0..worlds {
            let reward = |who: &str, skill: f64, row: usize| {
                let ids = [&world.to_le_bytes()[..], &row.to_le_bytes()[..]];
                f64::from(u8::from(seed::unit(1, who, ids) < skill))
            };
            for (slice, end) in ends.iter().enumerate() {
                let differences: Vec<f64> = (0..*end)
                    .map(|row| reward("child", child, row) - reward("parent", parent, row))
                    .collect();
                let step = step(&differences, slice, ends.len(), false);
                if step != Step::Go {
                    rows += *end as f64;
                    took += f64::from(u8::from(step == Step::Take));
                    break;
                }
            }
        }
        (took / f64::from(worlds), rows / f64::from(worlds))
    }

    #[test]
    fn an_equal_child_is_taken_less_often_than_by_a_gate_of_three_and_a_better_one_more_often() {
        // A gate of three rows takes an equal child 34 % of the time and rejects one that is 10 points better 56 %.
        let (equal, rows) = taken(0.6, 0.6);
        assert!(equal < 0.2 && rows < 25.0, "{equal} {rows}");
        let (better, _) = taken(0.6, 0.8);
        assert!(better > 0.8, "{better}");
        let (ten, _) = taken(0.6, 0.7);
        assert!(ten > 0.44, "{ten}");
        let (worse, rows) = taken(0.6, 0.3);
        assert!(worse < 0.01 && rows < 10.0, "{worse} {rows}");
    }
}
