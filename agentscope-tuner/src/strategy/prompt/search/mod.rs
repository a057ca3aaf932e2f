//! Round after round: parents from the front, proposals, a race of the children against their parents.

mod draft;
mod heat;
mod proof;
mod standing;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    PromptTuning,
    bandit::{Arm, choose},
    dice::Dice,
    front::{Holder, front, sample},
    keep::{self, Trial},
    lab::{Halt, Lab},
    plan::Plan,
    propose::{Demonstrate, Instruct, Merge, Node, Phrases, Proposer, Reflect, Trim},
};
use crate::{
    candidate::{Candidate, SlotPath},
    rollout::{Job, Task},
};

/// So many proposals in a row that came to nothing: there is nothing left to try.
const FRUITLESS: u32 = 24;
/// So many children without any difference in reward: the judge tells nothing apart.
const CONSTANT: usize = 4;
/// Share of the proposals that change the newest candidate where it was not shown better than its parent, and share that change
/// it or the champion; the others change one of the front.
const DRIFT: f64 = 0.3;
const GREEDY: f64 = 0.6;
/// Failed runs in one question, and runs that went well.
const SHOWN: (usize, usize) = (8, 2);

/// The state of a search. All of it follows from the journal.
pub(super) struct Search<'a> {
    pub(super) settings: &'a PromptTuning,
    pub(super) plan: &'a Plan,
    pub(super) lab: Lab<'a>,
    /// Validation rows that the budget allows for.
    pub(super) rows: Vec<Arc<Task>>,
    /// Validation rows that choose nobody.
    pub(super) held: Vec<Arc<Task>>,
    /// How often each of them is run in a race: more than once where rewards change from run to run and the budget is large.
    pub(super) attempts: u32,
    /// Rollouts that are planned for the finale and the play-off.
    pub(super) planned: (u64, u64),
    pub(super) pool: Vec<Node>,
    pub(super) trials: Vec<Trial>,
    proposers: Vec<(Box<dyn Proposer>, Arm)>,
    round: u32,
    number: u64,
    /// How often a run was shown in a question: by candidate and row.
    shown: HashMap<(usize, String), u32>,
    /// How often a slot of a candidate was changed.
    tried: HashMap<(usize, SlotPath), u32>,
    /// Values that were raced.
    known: HashSet<[u8; 16]>,
    fruitless: u32,
    /// Columns of question and answer, where they are known.
    columns: Option<(String, String)>,
    /// Those that alone may be champion, once they were run again.
    pub(super) contenders: Option<Vec<usize>>,
}

/// One proposal of a round, before it is raced.
struct Plot {
    number: u64,
    dice: Dice,
    proposer: usize,
    parent: usize,
    slot: SlotPath,
}

/// A child to be raced.
struct Child {
    plot: Plot,
    parents: Vec<usize>,
    candidate: Arc<Candidate>,
}

impl<'a> Search<'a> {
    pub(super) fn new(settings: &'a PromptTuning, plan: &'a Plan, lab: Lab<'a>) -> Self {
        let mut all: Vec<Box<dyn Proposer>> = vec![
            Box::new(Reflect { failed: SHOWN.0, solved: SHOWN.1, joint: false }),
            Box::new(Reflect { failed: SHOWN.0, solved: SHOWN.1, joint: true }),
            Box::new(Instruct),
            Box::new(Demonstrate),
            Box::new(Merge),
            Box::new(Phrases),
        ];
        if lab.board.objectives().want_less() {
            all.push(Box::new(Trim));
        }
        let usable = all.into_iter().filter(|one| settings.proposer.is_some() || !one.asks());
        let armed = usable.map(|one| {
            let (taken, left) = one.prior();
            (one, Arm::new(taken, left))
        });
        let seed = Node { candidate: Arc::clone(&plan.seed), parents: Vec::new(), stone: false };
        Self {
            settings,
            plan,
            lab,
            rows: plan.search.clone(),
            held: plan.held.clone(),
            attempts: 1,
            planned: (0, 0),
            known: HashSet::from([seed.candidate.hash()]),
            pool: vec![seed],
            trials: Vec::new(),
            proposers: armed.collect(),
            round: 0,
            number: 0,
            shown: HashMap::new(),
            tried: HashMap::new(),
            fruitless: 0,
            columns: None,
            contenders: None,
        }
    }

    /// Searches until there is nothing left to try, or to try it with.
    ///
    /// # Errors
    /// Why it ended before.
    pub(super) async fn run(&mut self) -> Result<&'static str, Halt> {
        loop {
            if self.settings.rounds.is_some_and(|most| self.round >= most) {
                return Ok("all rounds are over");
            }
            if self.is_perfect() {
                return Ok("every row has the full reward");
            }
            if self.trials.iter().filter(|trial| trial.rows > 0).count() > CONSTANT && self.is_constant() {
                return Ok("every reward is the same");
            }
            if self.fruitless >= FRUITLESS {
                return Ok("there is nothing left to try");
            }
            if self.is_to_be_proved() {
                return Ok("what is left shows more than it would find");
            }
            self.round().await?;
            self.keep()?;
        }
    }

    /// Writes what was tried so far.
    pub(super) fn keep(&self) -> crate::error::Result<()> {
        let directory = self.lab.inputs.directory;
        if directory.as_os_str().is_empty() { Ok(()) } else { keep::trials(directory, &self.trials) }
    }

    async fn round(&mut self) -> Result<(), Halt> {
        self.round += 1;
        self.columns = self.columns()?;
        self.lab.reserve.rollouts = self.reserved() + self.planned.1;
        let matrix: Vec<_> = self.pool.iter().map(|node| self.worths(&node.candidate)).collect();
        let front = front(&matrix);
        let plots: Vec<Plot> = (0..self.parallel()).filter_map(|_| self.plot(&front)).collect();
        let learning =
            plots.iter().filter(|plot| self.proposers[plot.proposer].0.learns(self.columns.is_some()));
        let jobs: Vec<Job> = learning.flat_map(|plot| self.lessons(plot.parent)).collect();
        self.lab.run(jobs).await?;
        let children = self.children(plots, &front).await?;
        self.race(children).await
    }

    /// How many proposals a round makes: more where the budget allows for many rounds all the same.
    fn parallel(&self) -> usize {
        let of_budget = usize::try_from(self.lab.purse.size() / 200).unwrap_or(usize::MAX);
        self.settings.parallel.unwrap_or(of_budget.clamp(1, 4))
    }

    /// The next proposal: who is changed where, and by whom.
    fn plot(&mut self, front: &[Holder]) -> Option<Plot> {
        self.number += 1;
        let number = self.number;
        let dice = Dice::new(self.lab.inputs.engine.seed(), number);
        let newest = self.pool.len() - 1;
        let parent = match dice.unit("greedy") {
            unit if unit < DRIFT && self.pool[newest].stone => newest,
            unit if unit < GREEDY => self.champion(),
            _ => sample(front, dice.unit("parent"))?,
        };
        let arms: Vec<Arm> = self.proposers.iter().map(|(_, arm)| *arm).collect();
        let units: Vec<f64> = self.proposers.iter().map(|(one, _)| dice.unit(one.name())).collect();
        let labelled = self.columns.is_some();
        // The last of them: where a workflow has several texts, all at once.
        let first = self.proposers.iter().rposition(|(one, _)| one.is_first(number, labelled));
        let proposer = first.or_else(|| choose(&arms, &units))?;
        let prompts: Vec<_> = self.plan.tuned.iter().filter(|slot| !slot.demos).collect();
        let slots = dice.shuffled("slot", prompts);
        let tried = |path: &SlotPath| self.tried.get(&(parent, path.clone())).copied().unwrap_or_default();
        let slot = slots.into_iter().min_by_key(|slot| tried(&slot.path))?.path.clone();
        *self.tried.entry((parent, slot.clone())).or_default() += 1;
        Some(Plot { number, dice, proposer, parent, slot })
    }

    /// Rows that `parent` is to be run on before it is changed: those first on which its own parent failed.
    fn lessons(&self, parent: usize) -> Vec<Job> {
        let node = &self.pool[parent];
        let times: u32 =
            self.tried.iter().filter(|((one, _), _)| *one == parent).map(|(_, times)| times).sum();
        let wanted = self.settings.minibatch * (1 + times as usize / 2);
        let mut rows: Vec<&Arc<Task>> = self.plan.train.iter().collect();
        let rank = |task: &Arc<Task>| {
            if self.lab.board.reward(&node.candidate.name, &task.id).is_some() {
                return 0;
            }
            let before = node.parents.first().map(|one| (*one, self.reward(*one, &task.id)));
            match before {
                Some((one, Some(reward))) if self.is_short(reward) => {
                    1 + u8::from(self.shown.contains_key(&(one, task.id.clone())))
                }
                Some((_, Some(_))) => 4,
                _ => 3,
            }
        };
        rows.sort_by_cached_key(|task| rank(task));
        rows.into_iter().take(wanted).map(|task| job(&node.candidate, task, 0)).collect()
    }
}

pub(super) fn job(candidate: &Arc<Candidate>, task: &Arc<Task>, attempt: u32) -> Job {
    Job { candidate: Arc::clone(candidate), task: Arc::clone(task), attempt }
}
