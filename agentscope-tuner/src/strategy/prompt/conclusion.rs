//! What an ended search amounts to: the winner against the seed, and that in words.

use std::sync::Arc;

use super::{
    board::Board,
    keep::{self, Trial},
    plan::SEED,
    search::Search,
    weighing::weighing,
};
use crate::{
    candidate::Candidate,
    error::{Error, Result},
    rollout::{Record, Task},
    strategy::{
        Comparison, Outcome, Verdict,
        scores::Scores,
        statistics::{Estimate, Unit, detectable_effect, deviation, difference, estimate, superiority_p},
    },
    text::brief,
};

/// What the finale showed.
#[derive(Clone, Debug)]
struct Shown {
    difference: Option<Estimate>,
    /// One-sided: that it is not better.
    p: f64,
    detectable: Option<f64>,
    better: bool,
}

/// From an ended search to its outcome; the `held` rows chose nobody.
pub(super) fn conclude(
    search: &Search<'_>,
    held: &[Arc<Task>],
    why: &str,
    stopped: Option<Error>,
) -> Result<Outcome> {
    let Search { settings, plan, lab, .. } = search;
    let champion = search.champion();
    let best = &search.pool[champion].candidate;
    let shown = (champion != 0).then(|| compared(search, held, best));
    let wins = shown.as_ref().is_some_and(|shown| shown.better);
    let complete = stopped.is_none();
    let returned = if wins { best } else { &plan.seed };
    let confirmed =
        estimate(&rewards(&lab.board, returned, held), settings.confidence, lab.inputs.engine.seed());
    let headline = match complete {
        false => "no verdict: the run is not complete".to_owned(),
        true => headline(search, best, shown.as_ref(), confirmed, why),
    };
    let weighing = match champion {
        0 => weighing(&lab.board, &[SEED], &search.rows),
        _ => weighing(&lab.board, &[SEED, &best.name], held),
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
        weighing,
        confidence: settings.confidence,
        headline,
        rows: search.rows.len() + held.len(),
        stopped: stopped.map(|error| error.chain()),
    })
}

/// The returned one, then the others by what they are worth.
fn ranked(search: &Search<'_>, returned: &Arc<Candidate>) -> Vec<Arc<Candidate>> {
    let mut all: Vec<Arc<Candidate>> = search.pool.iter().map(|node| Arc::clone(&node.candidate)).collect();
    all.sort_by(|one, other| search.mean(other).total_cmp(&search.mean(one)));
    all.sort_by_key(|one| one.name != returned.name);
    all
}

/// The winner against the seed, on the rows that chose neither.
fn compared(search: &Search<'_>, held: &[Arc<Task>], best: &Candidate) -> Shown {
    let board = &search.lab.board;
    let pair = |task: &Arc<Task>| Some(board.worth(&best.name, &task.id)? - board.worth(SEED, &task.id)?);
    let differences: Vec<f64> = held.iter().filter_map(pair).collect();
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
    let plain = search.lab.board.objectives().is_empty();
    let tried = search.trials.iter().filter(|trial: &&Trial| trial.rows > 0).count();
    let mut text = match shown.and_then(|shown| Some((shown.better, shown.difference?))) {
        _ if search.is_constant() => constant(&search.lab.board),
        None if shown.is_some() => format!(
            "the seed is kept: {} leads on the validation rows, but nothing was left to compare it on rows that chose neither",
            best.name
        ),
        None => format!("the seed is kept: none of {tried} candidates was better on the validation rows"),
        Some((better, by)) => compared_in_words(&best.name, better, by, plain),
    };
    if let Some(Estimate { mean, low, high, .. }) =
        confirmed.filter(|_| shown.is_some_and(|shown| shown.better))
    {
        let has = if plain { "it has" } else { "its reward is" };
        text += &format!(", where {has} {mean:.3} ({low:.3} to {high:.3})");
    }
    text + &format!("; {tried} candidates were tried, and {why}")
}

/// That nothing was told apart.
fn constant(board: &Board) -> String {
    let reward = board.range().map_or("none".to_owned(), |(low, _)| low.to_string());
    let also = if board.objectives().is_empty() { "" } else { " and nothing else that counts differs" };
    let error = board.first_error().map(|error| format!(" (first failure: {error})"));
    format!(
        "every reward is {reward}{also}, so the seed is kept: choose harder rows, or a judge that tells answers apart{}",
        error.unwrap_or_default()
    )
}

/// What the finale showed of the contender; `plain` where the reward is all that counts.
fn compared_in_words(name: &str, better: bool, by: Estimate, plain: bool) -> String {
    let figure = |value: f64| if plain { format!("{value:.3}") } else { brief(value) };
    let signed =
        |value: f64| if value.is_sign_negative() { figure(value) } else { format!("+{}", figure(value)) };
    let Estimate { mean, low, high, n } = by;
    match better {
        true => format!(
            "{name} is {} than the seed by {} ({} to {}) on {n} rows that chose neither",
            if plain { "better" } else { "worth more" },
            figure(mean),
            figure(low),
            figure(high)
        ),
        false => format!(
            "the seed is kept: {name} can't be told apart from it on {n} rows that chose neither ({}, {} to {})",
            signed(mean),
            signed(low),
            signed(high)
        ),
    }
}

/// Rewards of a candidate on the rows of the finale.
fn rewards(board: &Board, candidate: &Candidate, rows: &[Arc<Task>]) -> Vec<f64> {
    rows.iter().filter_map(|task| board.reward(&candidate.name, &task.id)).collect()
}

fn is_of(rows: &[Arc<Task>], record: &Record) -> bool {
    rows.iter().any(|task| task.id == record.task_id)
}
