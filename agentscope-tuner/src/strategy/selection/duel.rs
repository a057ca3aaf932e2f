//! The evidence of each candidate against each other one.

use super::{
    super::statistics::{Stakes, Wealth},
    race::Row,
};

/// For every ordered pair: how sure it is by now that the first is better than the second.
#[derive(Clone, Debug)]
pub(super) struct Duels {
    candidates: usize,
    units: Vec<usize>,
    largest_unit: f64,
    epsilon: f64,
    /// Units and rows that have been played.
    played: (usize, usize),
    /// Lowest and highest reward that the stakes assume.
    range: (f64, f64),
    stakes: Stakes,
    /// Better at all, and better by more than epsilon.
    wealth: Vec<(Wealth, Wealth)>,
}

impl Duels {
    /// Duels in which a candidate leaves once there is so much evidence, `enough`, against it.
    #[expect(clippy::cast_precision_loss, reason = "clusters are far below 2^53")]
    pub(super) fn new(candidates: usize, units: &[usize], epsilon: f64, enough: f64) -> Self {
        let stakes = Stakes::new(enough, units.len());
        let start = Wealth::new(&stakes);
        Self {
            candidates,
            largest_unit: units.iter().copied().max().unwrap_or(1).max(1) as f64,
            units: units.to_vec(),
            epsilon,
            played: (0, 0),
            range: (0.0, 1.0),
            wealth: vec![(start.clone(), start); candidates * candidates],
            stakes,
        }
    }

    /// What the gambler on `better` against `worse` has; on a lead of more than epsilon if `beyond`.
    pub(super) fn evidence(&self, better: usize, worse: usize, beyond: bool) -> f64 {
        let (plain, by_epsilon) = &self.wealth[better * self.candidates + worse];
        if beyond { by_epsilon.value() } else { plain.value() }
    }

    /// Plays the rows that are new, for the candidates still in.
    ///
    /// Rewards are taken to lie in [0, 1]. Where they do not, in the range seen so far; when it grows, all is played
    /// again, and the bound holds only as far as the range has been seen.
    pub(super) fn watch(&mut self, rows: &[Row], active: &[usize]) {
        let seen = rows.iter().skip(self.played.1).flatten().flatten();
        let range = seen.fold(self.range, |(low, high), value| (low.min(*value), high.max(*value)));
        if range != self.range {
            self.range = range;
            self.played = (0, 0);
            let start = Wealth::new(&self.stakes);
            self.wealth.fill((start.clone(), start));
        }
        while let Some(size) = self.units.get(self.played.0).copied() {
            let (unit, from) = self.played;
            if from + size > rows.len() {
                break;
            }
            self.play(&rows[from..from + size], active);
            self.played = (unit + 1, from + size);
        }
    }

    fn play(&mut self, rows: &[Row], active: &[usize]) {
        let span = (self.range.1 - self.range.0) * self.largest_unit;
        for (at, one) in active.iter().enumerate() {
            for other in &active[at + 1..] {
                let (lead, counted) = lead(rows, *one, *other);
                let margin = self.epsilon * counted;
                for (better, worse, lead) in [(*one, *other, lead), (*other, *one, -lead)] {
                    let wealth = &mut self.wealth[better * self.candidates + worse];
                    wealth.0.bet(&self.stakes, lead / span);
                    wealth
                        .1
                        .bet(&self.stakes, (lead - margin) / self.epsilon.mul_add(self.largest_unit, span));
                }
            }
        }
    }
}

/// By how much `one` leads `other` on the rows that count for both, and how many these are.
fn lead(rows: &[Row], one: usize, other: usize) -> (f64, f64) {
    let leads = rows.iter().filter_map(|row| Some(row[one]? - row[other]?));
    leads.fold((0.0, 0.0), |(sum, count), lead| (sum + lead, count + 1.0))
}
