//! What the statistics of model selection promise, checked on simulated worlds: `cargo bench --bench selection`.
//!
//! No engine and no network: the decisions themselves over made-up reward matrices. Seeded, so each run prints the same.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use agentscope_tuner::{
    seed,
    strategy::{
        selection::{Race, Row, Rules, against, leader, spare},
        statistics::estimate,
    },
};

const MODELS: usize = 8;
const ROWS: usize = 400;
/// Rows that the winner is measured on after the race, by default.
const HELD: usize = 40;
const WORLDS: u64 = 600;
const EQUAL_WORLDS: u64 = 2000;
const DIFFICULTY: f64 = 1.5;
/// Standard deviations of the abilities.
const SPREADS: [f64; 4] = [0.5, 0.6, 0.7, 1.0];

fn main() {
    println!("{WORLDS} worlds of {MODELS} models x {ROWS} rows, difficulty sd {DIFFICULTY}:");
    println!(
        "| ability sd | mode | within 1 point of the best | mean calls | best wrongly left | false \"worse\" |"
    );
    println!("|---|---|---|---|---|---|");
    for spread in SPREADS {
        for full in [false, true] {
            print_races(spread, full);
        }
    }
    println!("\n{EQUAL_WORLDS} worlds of equal models, stated error at most 0.05:");
    println!("| models | mode | worlds with a false \"worse\" | mean calls |\n|---|---|---|---|");
    for models in [2, MODELS] {
        for full in [false, true] {
            print_equal(models, full);
        }
    }
    println!("\nShare of 2,000 intervals that cover the mean, stated 0.95:");
    println!("| reward | n = 20 | n = 100 | n = 400 |\n|---|---|---|---|");
    for reward in REWARDS {
        let shares = [20, 100, 400].map(|n| format!("{:.3}", coverage(&reward, n)));
        println!("| {} | {} |", reward.name, shares.join(" | "));
    }
}

fn print_races(spread: f64, full: bool) {
    let mut sum = Found::default();
    (0..WORLDS).for_each(|world| sum.add(&race(&World::new(world, MODELS, spread), full)));
    let share = |count: u64| ratio(count, WORLDS);
    println!(
        "| {spread} | {} | {:.3} | {:.0} | {:.3} | {:.3} |",
        mode(full),
        share(sum.near_best),
        ratio(sum.calls, WORLDS),
        share(sum.best_left),
        share(sum.false_worse)
    );
}

fn print_equal(models: usize, full: bool) {
    let mut sum = Found::default();
    (0..EQUAL_WORLDS).for_each(|world| sum.add(&race(&World::new(world, models, 0.0), full)));
    let (wrong, calls) = (ratio(sum.false_worse, EQUAL_WORLDS), ratio(sum.calls, EQUAL_WORLDS));
    println!("| {models} | {} | {wrong:.4} | {calls:.0} |", mode(full));
}

/// An item-response world (Rasch 1960): the chance of a right answer is logistic in ability less difficulty.
struct World {
    /// Mean reward of each model over all possible rows.
    truth: Vec<f64>,
    rows: Vec<Row>,
    seed: u64,
}

impl World {
    fn new(seed: u64, models: usize, spread: f64) -> Self {
        let ability: Vec<f64> = (0..models).map(|model| spread * normal(seed, "ability", model, 0)).collect();
        let right = |ability: f64, difficulty: f64| 1.0 / (1.0 + (difficulty - ability).exp());
        let row = |row: usize| {
            let difficulty = DIFFICULTY * normal(seed, "difficulty", row, 0);
            let cell = |(model, ability): (usize, &f64)| {
                Some(if unit(seed, "answer", row, model) < right(*ability, difficulty) { 1.0 } else { 0.0 })
            };
            ability.iter().enumerate().map(cell).collect()
        };
        let truth = ability.iter().map(|ability| over_difficulties(|hard| right(*ability, hard))).collect();
        Self { truth, rows: (0..ROWS).map(row).collect(), seed }
    }
}

#[derive(Default)]
struct Found {
    near_best: u64,
    calls: u64,
    best_left: u64,
    false_worse: u64,
}

impl Found {
    fn add(&mut self, other: &Self) {
        self.near_best += other.near_best;
        self.calls += other.calls;
        self.best_left += other.best_left;
        self.false_worse += other.false_worse;
    }
}

fn race(world: &World, full: bool) -> Found {
    let models = world.truth.len();
    let rules = Rules { full, ..Rules::default() };
    let units = vec![1; ROWS];
    let rows = &world.rows[..];
    let mut race = Race::new(models, &units, rules);
    while race.next_look().is_some() {
        race.look(rows, &vec![None; models], None);
    }
    let played: usize = (0..models).map(|model| race.cleared(model)).sum();
    // What `select` runs after the race; rows that the winner was cleared for have been run.
    let again = spare(&race, &units, HELD);
    let best = world.truth.iter().copied().fold(0.0, f64::max);
    let leader = leader(&race, rows).expect("all are scored");
    let evidence = against(&race, rows, &units, leader, rules, world.seed);
    let worse = evidence.iter().filter(|(_, found)| found.adjusted <= 1.0 - rules.confidence);
    let wrong = worse.filter(|(model, _)| world.truth[*model] >= world.truth[leader]).count();
    let best_left = (0..models).any(|model| world.truth[model] == best && race.departure(model).is_some());
    Found {
        near_best: u64::from(world.truth[leader] >= best - 0.01),
        calls: (played + again.end.saturating_sub(race.cleared(leader).max(again.start))) as u64,
        best_left: u64::from(best_left),
        false_worse: u64::from(wrong > 0),
    }
}

struct Rewards {
    name: &'static str,
    mean: f64,
    /// From a uniform number to a reward.
    draw: fn(f64) -> f64,
}

const REWARDS: [Rewards; 7] = [
    Rewards { name: "0/1, p = 0.5", mean: 0.5, draw: |u| f64::from(u8::from(u < 0.5)) },
    Rewards { name: "0/1, p = 0.9", mean: 0.9, draw: |u| f64::from(u8::from(u < 0.9)) },
    Rewards { name: "bounded: uniform", mean: 0.5, draw: |u| u },
    Rewards {
        name: "bounded: arcsine",
        mean: 0.5,
        draw: |u| (std::f64::consts::FRAC_PI_2 * u).sin().powi(2),
    },
    Rewards { name: "bounded: u^(1/5)", mean: 5.0 / 6.0, draw: |u| u.powf(0.2) },
    Rewards {
        name: "bounded: 0 in 70 %, else uniform",
        mean: 0.15,
        draw: |u| if u < 0.7 { 0.0 } else { (u - 0.7) / 0.3 },
    },
    Rewards { name: "skewed: exponential", mean: 1.0, draw: |u| -(1.0 - u).ln() },
];

fn coverage(rewards: &Rewards, n: usize) -> f64 {
    const INTERVALS: u64 = 2000;
    let covers = |sample: &u64| {
        let values: Vec<f64> = (0..n).map(|at| (rewards.draw)(unit(*sample, rewards.name, at, n))).collect();
        let interval = estimate(&values, 0.95, *sample).expect("there are values");
        (interval.low..=interval.high).contains(&rewards.mean)
    };
    ratio((0..INTERVALS).filter(covers).count() as u64, INTERVALS)
}

fn unit(seed: u64, purpose: &str, one: usize, other: usize) -> f64 {
    seed::unit(seed, purpose, [&one.to_le_bytes()[..], &other.to_le_bytes()])
}

/// A standard normal number (Box and Muller 1958).
fn normal(seed: u64, purpose: &str, one: usize, other: usize) -> f64 {
    let (radius, angle) = (unit(seed, purpose, one, 2 * other), unit(seed, purpose, one, 2 * other + 1));
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// The mean of `of` over all difficulties, by the trapezoid rule, which is exact to many digits here.
fn over_difficulties(of: impl Fn(f64) -> f64) -> f64 {
    let points = (-80..=80).map(|step| f64::from(step) / 10.0);
    let weighted = points.map(|z| ((-z * z / 2.0).exp(), of(DIFFICULTY * z)));
    let (weights, sum) =
        weighted.fold((0.0, 0.0), |(all, sum), (weight, value)| (all + weight, sum + weight * value));
    sum / weights
}

fn mode(full: bool) -> &'static str {
    if full { "full" } else { "race" }
}

fn ratio(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}
