//! Who leaves when: pure decisions over complete prefixes of rows, so that neither concurrency nor where a run was cut can
//! change them.

use super::duel::Duels;

/// Rows between two looks.
const LOOK: usize = 10;
/// Share of the error that leaving early may use; the rest is for the test at the end.
pub(super) const RACE_SHARE: f64 = 0.8;
/// Share of the budget at which the last halving is over: what is left pays for calls under way and held rows.
const USABLE: f64 = 0.9;

/// Rewards of one row, one for each candidate; `None` where the row does not count for it or was not run.
pub type Row = Vec<Option<f64>>;

/// How a race is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Share of races in which no candidate is wrongly called worse, 0.5 to 1.
    pub confidence: f64,
    /// How much worse is still the same, at least 0, in units of the objective.
    pub epsilon: f64,
    /// Whether nobody leaves.
    pub full: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { confidence: super::CONFIDENCE, epsilon: 0.01, full: false }
    }
}

/// How hard the budget presses; shares of the whole budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// Spent so far.
    pub spent: f64,
    /// What each row of one candidate costs.
    pub per_row: f64,
}

/// When and why a candidate left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Departure {
    /// Rows it was judged by.
    pub rows: usize,
    /// Who was shown better; `None` when it left to keep within the budget.
    pub beaten_by: Option<usize>,
    /// Always-valid p of that, adjusted for all pairs in the race and the test at the end.
    pub p: f64,
}

/// A race over rows in random order.
#[derive(Clone, Debug)]
pub struct Race {
    rules: Rules,
    /// Row counts at which the race is looked at.
    looks: Vec<usize>,
    next: usize,
    cleared: Vec<usize>,
    left: Vec<Option<Departure>>,
    duels: Duels,
    halvings: u32,
    over: bool,
}

impl Race {
    /// A race of `candidates` over rows that come in `units` of these sizes: clusters, or 1 each.
    pub fn new(candidates: usize, units: &[usize], rules: Rules) -> Self {
        let looks = if rules.full { vec![units.iter().sum()] } else { looks(units) };
        let first = looks.first().copied().unwrap_or_default();
        Self {
            rules,
            over: first == 0,
            next: 0,
            cleared: vec![first; candidates],
            left: vec![None; candidates],
            duels: Duels::new(candidates, units, rules.epsilon, enough(candidates, rules)),
            halvings: 0,
            looks,
        }
    }

    /// Rows from the first on that `candidate` is to be run on, whatever comes of the next look.
    pub fn cleared(&self, candidate: usize) -> usize {
        self.cleared[candidate]
    }

    /// Rows that all candidates still in must have ended before the next look; `None` when the race is over.
    pub fn next_look(&self) -> Option<usize> {
        self.looks.get(self.next).copied().filter(|_| !self.over)
    }

    /// When `candidate` left; `None` while it is in.
    pub fn departure(&self, candidate: usize) -> Option<Departure> {
        self.left[candidate]
    }

    /// The candidates that are still in.
    pub fn active(&self) -> Vec<usize> {
        (0..self.left.len()).filter(|candidate| self.left[*candidate].is_none()).collect()
    }

    /// Rows on which those still in were compared.
    pub fn rows(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |last| self.looks[last])
    }

    /// Decides after as many `rows` as [`next_look`](Self::next_look) says, given the mean `costs` so far (`None` when
    /// unknown) and how the budget presses.
    pub fn look(&mut self, rows: &[Row], costs: &[Option<f64>], pressure: Option<Pressure>) {
        let Some(seen) = self.next_look() else { return };
        self.next += 1;
        let rows = &rows[..seen];
        if !self.rules.full {
            self.duels.watch(rows, &self.active());
            self.dismiss(seen, costs);
            if let Some(pressure) = pressure {
                self.halve(rows, pressure);
            }
        }
        self.over = self.next == self.looks.len() || self.active().len() < 2;
        if !self.over {
            self.clear(costs, pressure.is_some());
        }
    }

    /// Ends the race where it stands: there is nothing to compare.
    pub fn abandon(&mut self) {
        self.over = true;
    }

    /// Those that somebody is shown to be better than, leave.
    fn dismiss(&mut self, seen: usize, costs: &[Option<f64>]) {
        let active = self.active();
        let pairs = pairs(active.len());
        for candidate in active.iter().copied().filter(|candidate| self.cleared[*candidate] <= seen) {
            let Some((rival, evidence)) = self.strongest(candidate, &active, costs) else { continue };
            let p = (pairs / (RACE_SHARE * evidence)).min(1.0);
            if p <= 1.0 - self.rules.confidence {
                self.left[candidate] = Some(Departure { rows: seen, beaten_by: Some(rival), p });
            }
        }
    }

    /// The rival with the most evidence against `candidate`. A cheaper candidate must be worse by more than epsilon.
    fn strongest(&self, candidate: usize, active: &[usize], costs: &[Option<f64>]) -> Option<(usize, f64)> {
        let evidence = |rival: usize| {
            let cheaper =
                matches!((costs[candidate], costs[rival]), (Some(own), Some(theirs)) if own < theirs);
            (rival, self.duels.evidence(rival, candidate, cheaper))
        };
        let rivals = active.iter().copied().filter(|rival| *rival != candidate).map(evidence);
        rivals.max_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// Sequential halving (Karnin, Koren and Somekh 2013) where all rows would cost more than the budget: it is cut into as
    /// many parts as there are halvings, and when the next rows would overrun a part, the worse half leaves.
    fn halve(&mut self, rows: &[Row], pressure: Pressure) {
        let halvings = self.left.len().next_power_of_two().trailing_zeros();
        loop {
            let active = self.active();
            let step = self.looks.get(self.next).map_or(0, |next| next - rows.len());
            let rest = self.looks.last().map_or(0, |last| last - rows.len());
            let after = |rows: usize| pressure.per_row.mul_add(real(rows * active.len()), pressure.spent);
            let part = USABLE * f64::from(self.halvings + 1) / f64::from(halvings.max(1));
            if active.len() < 2 || after(rest) <= USABLE || after(step) <= part {
                return;
            }
            self.halvings += 1;
            let mut ranked: Vec<(usize, f64)> =
                active.iter().map(|one| (*one, mean_of(rows, *one))).collect();
            ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            for (candidate, _) in ranked.into_iter().skip(active.len().div_ceil(2)) {
                self.left[candidate] = Some(Departure { rows: rows.len(), beaten_by: None, p: 1.0 });
            }
        }
    }

    /// Clears the next rows for all, and the rows after them for those who are far from leaving: they stay in at the next
    /// look in any case, and so the engine has work while the last rows before it end.
    fn clear(&mut self, costs: &[Option<f64>], frugal: bool) {
        let active = self.active();
        let enough = enough(active.len(), self.rules);
        let far = |candidate: &usize| {
            self.strongest(*candidate, &active, costs).is_none_or(|(_, evidence)| evidence < enough.sqrt())
        };
        let safe: Vec<usize> = active.iter().copied().filter(far).collect();
        let next = self.looks[self.next];
        let later = self.looks.get(self.next + 1).copied().filter(|_| safe.len() > 1 && !frugal);
        for candidate in active {
            let to = later.filter(|_| safe.contains(&candidate)).unwrap_or(next);
            self.cleared[candidate] = self.cleared[candidate].max(to);
        }
    }
}

/// The evidence at which one of so many `active` candidates leaves.
fn enough(active: usize, rules: Rules) -> f64 {
    pairs(active) / (RACE_SHARE * (1.0 - rules.confidence))
}

/// Ordered pairs of those in the race: the number of ways to be wrong.
fn pairs(active: usize) -> f64 {
    real(active * active.saturating_sub(1))
}

/// Looks after every tenth row or the end of its unit, and after the last row.
fn looks(units: &[usize]) -> Vec<usize> {
    let (mut looks, mut rows, mut last) = (Vec::new(), 0, 0);
    for unit in units {
        rows += unit;
        if rows - last >= LOOK {
            looks.push(rows);
            last = rows;
        }
    }
    if rows > last {
        looks.push(rows);
    }
    looks
}

/// Mean reward of a candidate over the rows that count; below all others without any.
pub(super) fn mean_of(rows: &[Row], candidate: usize) -> f64 {
    let values: Vec<f64> = rows.iter().filter_map(|row| row[candidate]).collect();
    super::super::statistics::mean(&values).unwrap_or(f64::NEG_INFINITY)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
#[path = "race_tests.rs"]
mod tests;
