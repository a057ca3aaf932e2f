//! A whole run: the search, then the winner against the seed on rows that chose neither.

use std::sync::Arc;

use super::{
    PromptTuning,
    board::Board,
    keep::{self, Trial},
    lab::{Halt, Lab},
    plan::{Plan, SEED},
    playoff,
    purse::{Batch, Purse},
    recorded,
    search::{Search, job},
};
use crate::{
    candidate::Candidate,
    error::{Error, Result},
    rollout::{Record, Task},
    strategy::{
        Comparison, Inputs, Outcome, Verdict,
        scores::Scores,
        statistics::{Estimate, Unit, detectable_effect, deviation, difference, estimate, superiority_p},
    },
};

/// Rows that tell what a rollout costs, before anything is planned with it.
const FIRST_ROWS: usize = 4;
/// Of all rollouts that the budget pays for, one in so many is for the comparison at the end, and one in so many is the number of
/// validation rows that choose.
const FINALE_SHARE: u64 = 5;
const SEARCH_SHARE: u64 = 8;
/// The finale has at least so many rollouts, where a third of all are more than that.
const FINALE_LEAST: u64 = 32;
/// Validation rows that choose, at least.
const SEARCH_LEAST: u64 = 12;
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

/// What the finale showed.
#[derive(Clone, Debug)]
struct Shown {
    difference: Option<Estimate>,
    /// One-sided: that it is not better.
    p: f64,
    detectable: Option<f64>,
    better: bool,
}

/// Runs `settings`.
pub(super) async fn tune(settings: &PromptTuning, inputs: Inputs<'_>) -> Result<Outcome> {
    let plan = Plan::new(settings, &inputs)?;
    let mut lab = Lab {
        inputs,
        board: Board::default(),
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
    conclude(&search, &finale, why, stopped)
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
    let planned = search.finale_rollouts();
    search.lab.reserve = Batch { rollouts: planned, questions: 0 };
    playoff::play(search).await?;
    search.lab.reserve = Batch::default();
    let winner = search.champion();
    if winner != 0 {
        // What a search that ended early has left over shows smaller differences.
        let most = (search.lab.purse.size() * 2 / FINALE_SHARE).max(planned);
        *finale = Finale::of(&plan.held, search.lab.purse.rollouts_left().min(most));
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
/// rewards change.
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
        [first, second] => board.worth(first) != board.worth(second),
        _ => false,
    };
    let changed = again.iter().filter(moved).count();
    Ok(if changed * 10 >= again.len() { u32::try_from(most).unwrap_or(1) } else { 1 })
}

/// Cuts the rows that choose, and plans the finale, to what the budget pays for.
fn budgeted(search: &mut Search<'_>) -> Finale {
    let size = search.lab.purse.size();
    let rows = usize::try_from((size / SEARCH_SHARE).max(SEARCH_LEAST)).unwrap_or(usize::MAX);
    search.rows.truncate(rows);
    let (share, whole) =
        ((size / FINALE_SHARE).max(FINALE_LEAST.min(size / 3)), 2 * search.plan.held.len() as u64);
    // To the nearest number of runs of all rows.
    Finale::of(&search.plan.held, if share < whole { share } else { share + whole / 2 })
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

/// From an ended search to its outcome.
fn conclude(search: &Search<'_>, finale: &Finale, why: &str, stopped: Option<Error>) -> Result<Outcome> {
    let Search { settings, plan, lab, .. } = search;
    let champion = search.champion();
    let best = &search.pool[champion].candidate;
    let shown = (champion != 0).then(|| compared(search, finale, best));
    let wins = shown.as_ref().is_some_and(|shown| shown.better);
    let complete = stopped.is_none();
    let returned = if wins { best } else { &plan.seed };
    let confirmed =
        estimate(&rewards(&lab.board, returned, &finale.rows), settings.confidence, lab.inputs.engine.seed());
    let headline = match complete {
        false => "no verdict: the run is not complete".to_owned(),
        true => headline(search, best, shown.as_ref(), confirmed, why),
    };
    let pooled: Vec<Arc<Candidate>> = ranked(search, returned);
    let chosen: Vec<Arc<Record>> =
        lab.records.iter().filter(|record| is_of(&search.rows, record)).cloned().collect();
    let scores = Scores::new(&pooled, &chosen, lab.inputs.engine.seed());
    if complete && !lab.inputs.directory.as_os_str().is_empty() {
        keep::best(lab.inputs.directory, returned)?;
    }
    Ok(Outcome {
        strategy: "prompt".to_owned(),
        candidates: scores.summaries(),
        comparisons: shown.map(|shown| comparison(shown, best)).into_iter().collect(),
        winner: complete.then(|| returned.name.clone()),
        front: Vec::new(),
        confirmed: confirmed.filter(|_| complete),
        confidence: settings.confidence,
        headline,
        rows: search.rows.len() + finale.rows.len(),
        stopped: stopped.map(|error| error.chain()),
    })
}

/// The returned one, then the others by their mean.
fn ranked(search: &Search<'_>, returned: &Arc<Candidate>) -> Vec<Arc<Candidate>> {
    let mut all: Vec<Arc<Candidate>> = search.pool.iter().map(|node| Arc::clone(&node.candidate)).collect();
    all.sort_by(|one, other| search.mean(other).total_cmp(&search.mean(one)));
    all.sort_by_key(|one| one.name != returned.name);
    all
}

/// The winner against the seed, on the rows that chose neither.
fn compared(search: &Search<'_>, finale: &Finale, best: &Candidate) -> Shown {
    let board = &search.lab.board;
    let pair = |task: &Arc<Task>| Some(board.reward(&best.name, &task.id)? - board.reward(SEED, &task.id)?);
    let differences: Vec<f64> = finale.rows.iter().filter_map(pair).collect();
    let units: Vec<Unit> = differences.iter().copied().map(Unit::from).collect();
    let (confidence, seed) = (search.settings.confidence, search.lab.inputs.engine.seed());
    let p = superiority_p(&differences, seed);
    let spread = deviation(&differences);
    Shown {
        difference: difference(&differences, &units, confidence, seed),
        p,
        detectable: spread
            .and_then(|spread| detectable_effect(spread, differences.len(), 2.0 * (1.0 - confidence))),
        better: p <= 1.0 - confidence,
    }
}

fn comparison(shown: Shown, best: &Candidate) -> Comparison {
    let Shown { difference, p, detectable, better } = shown;
    let negative = |one: Estimate| Estimate { mean: -one.mean, low: -one.high, high: -one.low, n: one.n };
    let (leader, candidate) = if better { (best.name.as_str(), SEED) } else { (SEED, best.name.as_str()) };
    Comparison {
        candidate: candidate.to_owned(),
        leader: leader.to_owned(),
        difference: if better { difference } else { difference.map(negative) },
        p,
        adjusted: p,
        detectable: detectable.filter(|effect| *effect > 0.0),
        verdict: match (better, difference) {
            (_, None) => Verdict::NotEnoughData,
            (true, _) => Verdict::Worse,
            (false, _) => Verdict::NotShown,
        },
    }
}

fn headline(
    search: &Search<'_>,
    best: &Candidate,
    shown: Option<&Shown>,
    confirmed: Option<Estimate>,
    why: &str,
) -> String {
    let tried = search.trials.iter().filter(|trial: &&Trial| trial.rows > 0).count();
    let mut text = match shown.and_then(|shown| Some((shown, shown.difference?))) {
        _ if search.is_constant() => {
            let reward = search.lab.board.range().map_or("none".to_owned(), |(low, _)| low.to_string());
            let error = search.lab.board.first_error().map(|error| format!(" (first failure: {error})"));
            format!(
                "every reward is {reward}, so the seed is kept: choose harder rows, or a judge that tells answers apart{}",
                error.unwrap_or_default()
            )
        }
        None if shown.is_some() => format!(
            "the seed is kept: {} leads on the validation rows, but nothing was left to compare it on rows that chose neither",
            best.name
        ),
        None => format!("the seed is kept: none of {tried} candidates was better on the validation rows"),
        Some((shown, by)) if shown.better => format!(
            "{} is better than the seed by {:.3} ({:.3} to {:.3}) on {} rows that chose neither",
            best.name, by.mean, by.low, by.high, by.n
        ),
        Some((_, by)) => format!(
            "the seed is kept: {} can't be told apart from it on {} rows that chose neither ({:+.3}, {:+.3} to {:+.3})",
            best.name, by.n, by.mean, by.low, by.high
        ),
    };
    if let Some(Estimate { mean, low, high, .. }) =
        confirmed.filter(|_| shown.is_some_and(|shown| shown.better))
    {
        text += &format!(", where it has {mean:.3} ({low:.3} to {high:.3})");
    }
    text + &format!("; {tried} candidates were tried, and {why}")
}

/// Rewards of a candidate on the rows of the finale.
fn rewards(board: &Board, candidate: &Candidate, rows: &[Arc<Task>]) -> Vec<f64> {
    rows.iter().filter_map(|task| board.reward(&candidate.name, &task.id)).collect()
}

fn is_of(rows: &[Arc<Task>], record: &Record) -> bool {
    rows.iter().any(|task| task.id == record.task_id)
}
