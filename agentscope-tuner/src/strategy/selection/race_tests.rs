use super::{
    super::{against, leader},
    *,
};
use crate::seed;

/// Candidates that succeed with these shares, on rows that are equally hard for all.
fn world(shares: &[f64], rows: usize) -> Vec<Row> {
    let cell = |row: usize, candidate: usize| {
        seed::unit(11, "cell", [&row.to_le_bytes()[..], &candidate.to_le_bytes()])
    };
    let row = |row| {
        let cells = shares.iter().enumerate();
        cells.map(|(at, share)| Some(f64::from(u8::from(cell(row, at) < *share)))).collect()
    };
    (0..rows).map(row).collect()
}

fn run(race: &mut Race, rows: &[Row], costs: &[Option<f64>]) {
    while race.next_look().is_some() {
        race.look(rows, costs, None);
    }
}

#[test]
fn the_worse_leave_early_and_the_best_stays() {
    let rows = world(&[0.9, 0.3, 0.88], 300);
    let mut race = Race::new(3, &[1; 300], Rules::default());
    run(&mut race, &rows, &[None; 3]);
    let departure = race.departure(1).unwrap();
    assert!(departure.rows < 100 && departure.p <= 0.05, "{departure:?}");
    assert_eq!(race.active(), [0, 2]);
    assert!(race.cleared(1) < 100 && race.cleared(0) == 300);
    assert_eq!(leader(&race, &rows), Some(0));
}

#[test]
fn nobody_leaves_when_all_are_to_be_run() {
    let rows = world(&[0.9, 0.1], 50);
    let rules = Rules { full: true, ..Rules::default() };
    let mut race = Race::new(2, &[1; 50], rules);
    assert_eq!(race.cleared(1), 50);
    run(&mut race, &rows, &[None; 2]);
    assert_eq!(race.active().len(), 2);
    let found = against(&race, &rows, &[1; 50], 0, rules, 1);
    assert_eq!(found[0].1.p, found[0].1.adjusted);
    assert!(found[0].1.p < 1e-6);
}

#[test]
fn a_cheaper_candidate_stays_while_it_may_be_within_epsilon() {
    let rows = world(&[0.9, 0.7], 400);
    let rules = Rules { epsilon: 0.3, ..Rules::default() };
    let mut race = Race::new(2, &[1; 400], rules);
    run(&mut race, &rows, &[Some(2.0), Some(1.0)]);
    assert_eq!(race.active(), [0, 1]);
    let mut race = Race::new(2, &[1; 400], rules);
    run(&mut race, &rows, &[Some(1.0), Some(2.0)]);
    assert_eq!(race.active(), [0]);
}

#[test]
fn rows_that_do_not_count_are_left_out_in_pairs() {
    let mut rows = world(&[0.9, 0.3], 100);
    // Where the first is right, the second has no reward: no row shows it worse any more.
    rows.iter_mut().filter(|row| row[0] > row[1]).for_each(|row| row[1] = None);
    let mut race = Race::new(2, &[1; 100], Rules::default());
    run(&mut race, &rows, &[None; 2]);
    assert_ne!(race.departure(1).and_then(|departure| departure.beaten_by), Some(0));
}

#[test]
fn a_budget_halves_the_field_and_is_kept() {
    let rows = world(&[0.5, 0.52, 0.54, 0.56, 0.5, 0.52, 0.54, 0.56], 400);
    let mut race = Race::new(8, &[1; 400], Rules::default());
    let budget = 800.0;
    let spent = |race: &Race| (0..8).map(|one| real(race.cleared(one))).sum::<f64>() / budget;
    while race.next_look().is_some() {
        let pressure = Pressure { spent: spent(&race), per_row: 1.0 / budget };
        race.look(&rows, &[None; 8], Some(pressure));
    }
    assert_eq!(race.active().len(), 1);
    assert!((0.5..=USABLE).contains(&spent(&race)), "{}", spent(&race));
}

#[test]
fn a_budget_that_suffices_changes_nothing() {
    let rows = world(&[0.8, 0.8], 60);
    let mut race = Race::new(2, &[1; 60], Rules::default());
    while let Some(seen) = race.next_look() {
        race.look(&rows, &[None; 2], Some(Pressure { spent: real(2 * seen) / 200.0, per_row: 1.0 / 200.0 }));
    }
    assert_eq!(race.active().len(), 2);
}

#[test]
fn clusters_count_as_one_and_looks_are_at_their_ends() {
    assert_eq!(looks(&[4, 4, 4, 4, 4, 4]), [12, 24]);
    assert_eq!(looks(&[1; 25]), [10, 20, 25]);
    assert!(looks(&[]).is_empty());
    // Twelve copies of 5 rows say no more than 5 rows: nobody may leave.
    let few = world(&[1.0, 0.0], 5);
    let rows: Vec<Row> = few.iter().flat_map(|row| vec![row.clone(); 12]).collect();
    let mut race = Race::new(2, &[12; 5], Rules { confidence: 0.98, ..Rules::default() });
    run(&mut race, &rows, &[None; 2]);
    assert_eq!(race.active(), [0, 1]);
}

#[test]
fn rewards_outside_the_unit_range_are_scaled() {
    let unit = world(&[0.9, 0.4], 200);
    let wide: Vec<Row> =
        unit.iter().map(|row| row.iter().map(|cell| cell.map(|v| 100.0 * v - 50.0)).collect()).collect();
    let (mut one, mut other) =
        (Race::new(2, &[1; 200], Rules::default()), Race::new(2, &[1; 200], Rules::default()));
    run(&mut one, &unit, &[None; 2]);
    run(&mut other, &wide, &[None; 2]);
    let rows = |race: &Race| race.departure(1).unwrap().rows;
    assert_eq!(rows(&one), rows(&other));
}
