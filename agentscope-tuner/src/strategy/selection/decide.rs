//! From an ended race to its outcome.

use std::{cmp::Reverse, sync::Arc};

use super::{
    ModelSelection,
    confirm::How,
    evidence::{Evidence, against, leader},
    front::front,
    plan::Plan,
    race::Row,
    track::Track,
};
use crate::{
    rollout::Record,
    strategy::{
        outcome::{Comparison, Departed, Outcome, Reason, Summary, Verdict},
        scores::Scores,
        statistics::Estimate,
    },
};

/// Rows that must count for both before two candidates are compared.
const ENOUGH_ROWS: usize = 5;

/// What a race came to, before its winner is measured again.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) leader: Option<usize>,
    pub(super) winner: Option<usize>,
    comparisons: Vec<(usize, Comparison)>,
    /// Why there is no winner.
    why: Option<String>,
}

/// Chooses: the cheapest candidate that is shown to be within epsilon of the leader, else the leader.
pub(super) fn decide(
    selection: &ModelSelection,
    plan: &Plan,
    track: &Track<'_>,
    records: &[Arc<Record>],
    stopped: bool,
    seed: u64,
) -> Decision {
    let rows = track.rows(plan.rows.len());
    let race = &track.race;
    let leader = leader(race, &rows).filter(|one| track.has_scored(*one, rows.len()));
    let found = leader.map(|leader| against(race, &rows, &plan.units, leader, selection.rules, seed));
    let blocked = |one: usize| left_out(&plan.candidates[one].name, records) > selection.failure_share;
    let name = |one: usize| plan.candidates[one].name.clone();
    let compared = |(one, evidence): (usize, Evidence)| {
        let blocked = blocked(one) || leader.is_some_and(blocked);
        let verdict = if blocked { Verdict::Blocked } else { verdict(&evidence, selection) };
        let Evidence { difference, p, adjusted, detectable } = evidence;
        let leader = leader.map(name).unwrap_or_default();
        (one, Comparison { candidate: name(one), leader, difference, p, adjusted, detectable, verdict })
    };
    let comparisons: Vec<_> = found.into_iter().flatten().map(compared).collect();
    let judged = race.active().into_iter().find(|one| blocked(*one));
    let why = if stopped {
        Some("the run is not complete".to_owned())
    } else {
        nothing_to_compare(&rows, leader, records).or_else(|| judged.map(|one| too_many(&name(one), records)))
    };
    let winner =
        leader.filter(|_| why.is_none()).map(|leader| cheapest(leader, &comparisons, selection, track));
    Decision { leader, winner, comparisons, why }
}

fn verdict(evidence: &Evidence, selection: &ModelSelection) -> Verdict {
    let epsilon = selection.rules.epsilon;
    match evidence.difference {
        None => Verdict::NotEnoughData,
        Some(difference) if difference.n < ENOUGH_ROWS => Verdict::NotEnoughData,
        Some(_) if evidence.adjusted <= 1.0 - selection.rules.confidence => Verdict::Worse,
        Some(Estimate { low, high, .. }) if low >= -epsilon && high <= epsilon => Verdict::Tied,
        Some(_) => Verdict::NotShown,
    }
}

/// A candidate still in whose difference is bounded by epsilon, and that costs less than the leader.
fn cheapest(
    leader: usize,
    comparisons: &[(usize, Comparison)],
    selection: &ModelSelection,
    track: &Track<'_>,
) -> usize {
    let seen = track.race.rows();
    let within = comparisons.iter().filter(|(one, comparison)| {
        let near = comparison.difference.is_some_and(|difference| {
            difference.n >= ENOUGH_ROWS && difference.high <= selection.rules.epsilon
        });
        near && comparison.verdict != Verdict::Blocked && track.race.departure(*one).is_none()
    });
    let Some(own) = track.cost(leader, seen) else { return leader };
    let cheaper =
        within.filter_map(|(one, _)| Some((*one, track.cost(*one, seen).filter(|cost| *cost < own)?)));
    cheaper.min_by(|one, other| one.1.total_cmp(&other.1)).map_or(leader, |(one, _)| one)
}

/// Why the rewards tell nobody apart.
fn nothing_to_compare(rows: &[Row], leader: Option<usize>, records: &[Arc<Record>]) -> Option<String> {
    let first_error = records.iter().find_map(|record| record.error.as_deref()).unwrap_or("no reason given");
    if leader.is_none() {
        let judge = !records.is_empty()
            && records.iter().all(|one| one.status == crate::rollout::Status::JudgeFailed);
        let who = if judge { "the judge failed on every row" } else { "no candidate was scored on any row" };
        return Some(format!("{who} (first: {first_error})"));
    }
    let mut values = rows.iter().flatten().flatten();
    let first = values.next()?;
    values
        .all(|value| value == first)
        .then(|| format!("every reward is {first}: choose harder rows, or a judge that tells answers apart"))
}

/// Share of a candidate's rollouts that an endpoint or the judge failed.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn left_out(name: &str, records: &[Arc<Record>]) -> f64 {
    let own = || records.iter().filter(|record| record.candidate == name);
    let out = own().filter(|record| !record.status.counts()).count();
    out as f64 / own().count().max(1) as f64
}

fn too_many(name: &str, records: &[Arc<Record>]) -> String {
    format!(
        "{:.0} % of the rollouts of {name} failed at an endpoint or in the judge, and who is left out is not chosen by chance: mend it and continue with `resume`, or raise strategy.select.failure-share",
        100.0 * left_out(name, records)
    )
}

impl Decision {
    /// The leader and the winner, where there are any.
    pub(super) fn choice(&self) -> Option<(usize, usize)> {
        self.leader.zip(self.winner)
    }

    /// The outcome; `confirmed` is the winner's reward on rows that did not choose it.
    pub(super) fn outcome(
        self,
        selection: &ModelSelection,
        track: &Track<'_>,
        scores: &Scores<'_>,
        confirmed: Option<(Estimate, How)>,
        rows: usize,
    ) -> Outcome {
        let name = |one: usize| scores.name(one);
        let mut summaries: Vec<(usize, Summary)> = scores.summaries().into_iter().enumerate().collect();
        for (one, summary) in &mut summaries {
            summary.left = track.race.departure(*one).map(|departure| Departed {
                rows: departure.rows,
                reason: departure.beaten_by.map_or(Reason::Budget, |rival| Reason::WorseThan(name(rival))),
            });
        }
        // The leader, then the others still in, then those who left, the last one first.
        let mean = |summary: &Summary| summary.reward.map_or(f64::NEG_INFINITY, |reward| reward.mean);
        summaries.sort_by(|(one, a), (other, b)| mean(b).total_cmp(&mean(a)).then(one.cmp(other)));
        summaries.sort_by_key(|(one, _)| {
            (
                Some(*one) != self.leader,
                Reverse(track.race.departure(*one).map_or(usize::MAX, |left| left.rows)),
            )
        });
        let winner = self.winner.map(name);
        let headline = self.headline(selection, winner.as_deref(), confirmed);
        let candidates: Vec<Summary> = summaries.into_iter().map(|(_, summary)| summary).collect();
        let place = |comparison: &Comparison| {
            candidates.iter().position(|summary| summary.candidate.name == comparison.candidate)
        };
        let mut comparisons: Vec<_> = self.comparisons.into_iter().map(|(_, one)| one).collect();
        comparisons.sort_by_key(place);
        Outcome {
            strategy: "select".to_owned(),
            front: front(&candidates),
            candidates,
            comparisons,
            winner,
            confirmed: confirmed.map(|(estimate, _)| estimate),
            weighing: None,
            confidence: selection.rules.confidence,
            headline,
            rows,
            stopped: None,
        }
    }

    fn headline(
        &self,
        selection: &ModelSelection,
        winner: Option<&str>,
        confirmed: Option<(Estimate, How)>,
    ) -> String {
        let Some(winner) = winner else {
            return format!("no verdict: {}", self.why.as_deref().unwrap_or("nothing was run"));
        };
        let percent = format!("{} %", crate::strategy::percent(selection.rules.confidence));
        let open = self.comparisons.iter().filter(|(_, one)| one.verdict != Verdict::Worse);
        let open: Vec<_> = open.map(|(_, one)| one.candidate.as_str()).collect();
        let mut text = if self.winner != self.leader {
            let leader = self.comparisons.first().map_or("the best", |(_, one)| one.leader.as_str());
            format!(
                "{winner} is the cheapest that is not worse than {leader} by more than {}",
                selection.rules.epsilon
            )
        } else if open.is_empty() {
            format!("{winner} is best: better than every other candidate at {percent} confidence")
        } else {
            format!("{winner} has the best mean, but a difference from {} was not shown", open.join(", "))
        };
        if let Some((Estimate { mean, low, high, n }, how)) = confirmed {
            let on = match how {
                How::Spare => format!("on {n} rows that did not choose it"),
                How::CrossFitted => {
                    format!("cross-fitted on {n} rows, each left out of the choice it scores")
                }
            };
            text += &format!("; {on}: {mean:.3} ({low:.3} to {high:.3})");
        }
        text
    }
}
