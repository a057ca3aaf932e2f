//! The race of the children of a round.

use std::sync::Arc;

use super::{
    super::{
        board::Board,
        keep::{Trial, changed},
        lab::Halt,
        propose::Node,
        race::{self, Step},
    },
    Child, Search, job,
};
use crate::{
    candidate::Candidate,
    rollout::{Job, Task},
    strategy::statistics::mean,
};

impl Search<'_> {
    /// Races all children of a round at once, slice by slice.
    pub(super) async fn race(&mut self, children: Vec<Child>) -> Result<(), Halt> {
        let ends = race::slices(self.rows.len() * self.attempts as usize);
        let mut open: Vec<Child> = children;
        for (slice, end) in ends.iter().copied().enumerate() {
            let over = self.heat(&mut open, end).await?;
            let mut going = Vec::new();
            for child in open {
                let differences = self.differences(&child);
                match race::step(&differences, slice, ends.len(), over) {
                    Step::Go => going.push(child),
                    step => self.settle(child, step, &differences, over),
                }
            }
            open = going;
            if over {
                return Err(Halt::Spent);
            }
            if open.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Runs the rows up to `end`. Where the budget does not suffice for all, the last ones wait no longer; returns whether it does
    /// not suffice for any.
    async fn heat(&mut self, open: &mut Vec<Child>, end: usize) -> Result<bool, Halt> {
        loop {
            match self.lab.run(self.heats(open, end)).await {
                Ok(()) => return Ok(false),
                Err(Halt::Spent) if open.len() < 2 => return Ok(true),
                Err(Halt::Spent) => {
                    let lead = |child: &Child| race::lead(&self.differences(child));
                    let last = (0..open.len())
                        .min_by(|one, other| lead(&open[*one]).total_cmp(&lead(&open[*other])));
                    let child = open.remove(last.unwrap_or_default());
                    let differences = self.differences(&child);
                    self.settle(child, Step::Leave, &differences, true);
                }
                Err(halt) => return Err(halt),
            }
        }
    }

    /// Children and those that they are to beat, each pair on as many rows as `end` says; after the last row the first comes again.
    /// Every child begins elsewhere: the luck that its parent had on some rows is not in the way of all others.
    fn heats(&self, open: &[Child], end: usize) -> Vec<Job> {
        let rows = self.rows.len();
        let runs = |child: &Child| {
            let first = child.plot.dice.below("first row", rows);
            let pair = [Arc::clone(&child.candidate), Arc::clone(&self.pool[child.parents[0]].candidate)];
            let cells = (0..self.attempts).flat_map(|attempt| (0..rows).map(move |at| (at, attempt)));
            let both = |(at, attempt): (usize, u32)| {
                let task = &self.rows[(first + at) % rows];
                pair.each_ref().map(|one| job(one, task, attempt))
            };
            cells.take(end).flat_map(both).collect::<Vec<_>>()
        };
        open.iter().flat_map(runs).collect()
    }

    fn differences(&self, child: &Child) -> Vec<f64> {
        let (own, rival) = (&child.candidate.name, &self.pool[child.parents[0]].candidate.name);
        let pair = |task: &Arc<Task>| {
            Some(self.lab.board.worth(own, &task.id)? - self.lab.board.worth(rival, &task.id)?)
        };
        self.rows.iter().filter_map(pair).collect()
    }

    /// Notes how a race ended.
    fn settle(&mut self, child: Child, step: Step, differences: &[f64], over: bool) {
        let Child { plot, parents, candidate } = child;
        let rival = Arc::clone(&self.pool[parents[0]].candidate);
        let [reward, parent_reward] = self.means([&candidate, &rival], Board::reward);
        let [worth, parent_worth] = match self.lab.board.objectives().is_empty() {
            true => [None; 2],
            false => self.means([&candidate, &rival], Board::worth),
        };
        let lead = 100.0 * race::lead(differences);
        let (taken, stone) = (step == Step::Take, step == Step::Keep);
        let what = match step {
            Step::Take => "better than",
            Step::Keep => "a stepping stone, no worse than",
            _ => "not shown better than",
        };
        let why = if over { ", when the budget ended" } else { "" };
        let trial = Trial {
            name: candidate.name.clone(),
            round: self.round,
            proposer: self.proposers[plot.proposer].0.name(),
            parents: parents.iter().map(|one| self.pool[*one].candidate.name.clone()).collect(),
            changed: changed(&rival.slots, &candidate.slots),
            rows: differences.len(),
            reward,
            parent_reward,
            worth,
            parent_worth,
            taken: taken || stone,
            reason: format!(
                "{what} {} on {} rows (probability {lead:.0} %){why}",
                rival.name,
                differences.len()
            ),
        };
        self.say(&trial);
        self.trials.push(trial);
        self.proposers[plot.proposer].1.note(taken);
        self.fruitless = if taken { 0 } else { self.fruitless + 1 };
        if taken || stone {
            self.pool.push(Node { candidate, parents, stone });
        }
    }

    /// Means of a child and of its rival on the rows that the child was run on.
    fn means(&self, pair: [&Candidate; 2], of: fn(&Board, &str, &str) -> Option<f64>) -> [Option<f64>; 2] {
        let board = &self.lab.board;
        let run: Vec<_> =
            self.rows.iter().filter(|task| board.reward(&pair[0].name, &task.id).is_some()).collect();
        pair.map(|one| {
            mean(&run.iter().filter_map(|task| of(board, &one.name, &task.id)).collect::<Vec<_>>())
        })
    }

    fn say(&self, trial: &Trial) {
        let Trial { name, round, proposer, reward, parent_reward, worth, taken, reason, .. } = trial;
        let verdict = if *taken { "taken" } else { "left" };
        let against = |pair: [Option<f64>; 2]| {
            let [own, theirs] = pair.map(|one| one.map_or("none".to_owned(), |one| format!("{one:.3}")));
            format!("{own} against {theirs}")
        };
        let rewards = against([*reward, *parent_reward]);
        let worths = worth
            .map(|worth| format!(" (worth {})", against([Some(worth), trial.parent_worth])))
            .unwrap_or_default();
        let monitor = self.lab.inputs.monitor;
        monitor.say(&format!("round {round}: {name} by {proposer}: {rewards}{worths}, {verdict}: {reason}"));
        let champion = &self.pool[self.champion()].candidate;
        let values = [
            ("best", mean(&self.rewards(champion))),
            ("candidate", *reward),
            ("best worth", worth.map(|_| self.mean(champion))),
            ("candidate worth", *worth),
        ];
        let values: Vec<_> =
            values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        monitor.log(self.trials.len() as u64 + 1, &values);
    }
}
