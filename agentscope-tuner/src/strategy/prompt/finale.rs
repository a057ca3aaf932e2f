//! A whole run: the search, then the winner against the seed on rows that chose neither.

use std::sync::Arc;

use super::{
    PromptTuning,
    board::Board,
    conclusion::conclude,
    lab::{Halt, Lab},
    plan::{Plan, SEED},
    playoff,
    purse::{Batch, Purse},
    recorded,
    search::{Search, job},
    worth::Objectives,
};
use crate::{
    error::Result,
    rollout::Task,
    strategy::{Inputs, Outcome},
};

/// Rows that tell what a rollout costs, before anything is planned with it.
const FIRST_ROWS: usize = 4;
/// Of all rollouts that the budget pays for, one in so many is for the comparison at the end, and one in so many is the number of
/// validation rows that choose.
const FINALE_SHARE: u64 = 5;
const SEARCH_SHARE: u64 = 8;
/// It may have so many of those shares where the search leaves them over.
const FINALE_MOST: u64 = 4;
/// The finale has at least so many rollouts, where a third of all are more than that.
const FINALE_LEAST: u64 = 32;
/// Validation rows that choose, at least: the first slice of a race. Where the budget is small, rows show more in the comparison.
const SEARCH_LEAST: u64 = 6;
/// Rows of the seed that are run again to see whether rewards change, and most runs of a row in a race.
const AGAIN: usize = 12;
const MOST_LOOKS: u64 = 3;
/// Most runs of a row in the finale.
const MOST_ATTEMPTS: u64 = 8;

/// How the finale is played.
#[derive(Clone, Debug)]
struct Finale {
    rows: Vec<Arc<Task>>,
    attempts: u32,
}

/// Runs `settings`.
pub(super) async fn tune(settings: &PromptTuning, inputs: Inputs<'_>) -> Result<Outcome> {
    let plan = Plan::new(settings, &inputs)?;
    let mut lab = Lab {
        inputs,
        board: Board::new(Objectives::new(&settings.objectives)),
        purse: Purse::new(
            inputs.engine.allowance(),
            Batch { rollouts: settings.most_rollouts(), questions: settings.most_questions() },
        ),
        reserve: Batch::default(),
        recorded: None,
        records: Vec::new(),
    };
    if let Some(directory) = &settings.traces {
        recorded::note(&mut lab, &plan, directory)?;
    }
    let mut search = Search::new(settings, &plan, lab);
    let mut finale = Finale { rows: Vec::new(), attempts: 1 };
    let ended = played(&mut search, &mut finale).await;
    search.keep()?;
    let (why, stopped) = match ended {
        Ok(why) => (why, None),
        Err(Halt::Spent) => ("the budget or the effort is spent", None),
        Err(Halt::Stopped(error)) => ("it was stopped", Some(error)),
        Err(Halt::Failed(error)) => return Err(error),
    };
    conclude(&search, &finale.rows, why, stopped)
}

/// The seed, the search and the finale; says why the search ended.
async fn played(search: &mut Search<'_>, finale: &mut Finale) -> Result<&'static str, Halt> {
    let plan = search.plan;
    let seed = Arc::clone(&plan.seed);
    let first = plan.train.iter().take(FIRST_ROWS).map(|task| job(&seed, task, 0)).collect();
    search.lab.run(first).await?;
    *finale = budgeted(search);
    // What it is worth is asked in every race, and its answers tell what the columns of the data are.
    let rows = search.rows.iter().map(|task| job(&seed, task, 0)).collect();
    search.lab.run(rows).await?;
    search.lab.board.objectives().check(&search.lab.board.scored(SEED))?;
    search.attempts = attempts(search).await?;
    search.planned = (finale.rollouts(), playoff::reserve(search).rollouts);
    search.lab.reserve = Batch { rollouts: search.planned.0 + search.planned.1, questions: 0 };
    if !search.lab.board.has_feedback() && search.settings.proposer.is_some() {
        search.lab.inputs.monitor.say(
            "the judge gives no feedback: proposals learn from rows, answers and rewards alone (Reward::feedback says why)",
        );
    }
    let why = match search.run().await {
        Ok(why) => why,
        Err(Halt::Spent) => "the budget or the effort is spent",
        Err(halt) => return Err(halt),
    };
    let reserved = search.reserved();
    search.lab.reserve = Batch { rollouts: reserved, questions: 0 };
    playoff::play(search).await?;
    search.lab.reserve = Batch::default();
    let winner = search.champion();
    if winner != 0 {
        // What a search that ended early has left over shows smaller differences.
        let most = (search.lab.purse.size() * FINALE_MOST / FINALE_SHARE).max(reserved);
        *finale = Finale::of(&search.held, search.lab.purse.rollouts_left().min(most));
        let winner = Arc::clone(&search.pool[winner].candidate);
        let cells =
            (0..finale.attempts).flat_map(|attempt| finale.rows.iter().map(move |task| (task, attempt)));
        let jobs = cells
            .flat_map(|(task, attempt)| [job(&seed, task, attempt), job(&winner, task, attempt)])
            .collect();
        search.lab.run(jobs).await?;
    }
    Ok(why)
}

/// How often each row is to be run in a race. Where the budget is large, the seed is run again on a few rows to see whether their
/// rewards change. What else counts is not asked: the tokens of no two runs are quite the same.
async fn attempts(search: &mut Search<'_>) -> Result<u32, Halt> {
    let rows = search.rows.len() as u64;
    let most = (search.lab.purse.size() / SEARCH_SHARE / rows.max(1) / 2).clamp(1, MOST_LOOKS);
    if most < 2 {
        return Ok(1);
    }
    let again: Vec<_> = search.rows.iter().take(AGAIN).cloned().collect();
    search.lab.run(again.iter().map(|task| job(&search.plan.seed, task, 1)).collect()).await?;
    let board = &search.lab.board;
    let moved = |task: &&Arc<Task>| match board.of(SEED, &task.id) {
        [first, second] => board.reward_of(first) != board.reward_of(second),
        _ => false,
    };
    let changed = again.iter().filter(moved).count();
    Ok(if changed * 10 >= again.len() { u32::try_from(most).unwrap_or(1) } else { 1 })
}

/// Cuts the rows that choose, and plans the finale, to what the budget pays for.
fn budgeted(search: &mut Search<'_>) -> Finale {
    let size = search.lab.purse.size();
    let rows = usize::try_from((size / SEARCH_SHARE).max(SEARCH_LEAST)).unwrap_or(usize::MAX);
    let unused = search.rows.split_off(rows.min(search.rows.len()));
    search.held.extend(unused);
    let (share, whole) =
        ((size / FINALE_SHARE).max(FINALE_LEAST.min(size / 3)), 2 * search.plan.held.len() as u64);
    // To the nearest number of runs of all rows.
    Finale::of(&search.held, if share < whole { share } else { share + whole / 2 })
}

impl Finale {
    /// As many rows as so many `rollouts` of two candidates allow for, and each as often as they do; never more, but for one row.
    fn of(held: &[Arc<Task>], rollouts: u64) -> Self {
        let rows = held.len().min(usize::try_from(rollouts / 2).unwrap_or(usize::MAX)).max(1);
        let attempts = (rollouts / (2 * rows as u64)).clamp(1, MOST_ATTEMPTS);
        Self { rows: held[..rows].to_vec(), attempts: u32::try_from(attempts).unwrap_or(1) }
    }

    fn rollouts(&self) -> u64 {
        2 * self.rows.len() as u64 * u64::from(self.attempts)
    }
}
