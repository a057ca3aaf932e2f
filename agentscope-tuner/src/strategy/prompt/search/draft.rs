//! From plots to children: what the proposers draft, what a proposer model answers, and what is refused unseen.

use std::{collections::HashSet, sync::Arc};

use super::{
    super::{
        episode::Episode,
        fence::{fenced, placeholders},
        front::Holder,
        keep::Trial,
        lab::Halt,
        lineage::Slots,
        propose::{Draft, Examples, Node, View, columns, hash, phrases},
    },
    Child, Plot, SHOWN, Search,
};
use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    rollout::Task,
    strategy::statistics::mean,
};

impl Search<'_> {
    /// What the plots come to: questions are asked all at once.
    pub(super) async fn children(&mut self, plots: Vec<Plot>, front: &[Holder]) -> Result<Vec<Child>, Halt> {
        let mut drafts = Vec::new();
        for plot in plots {
            drafts.push(self.draft(plot, front)?);
        }
        let questions: Vec<_> = drafts
            .iter()
            .filter_map(|(plot, draft)| match draft {
                Some(Draft::Ask(questions)) => Some((plot.number, questions)),
                _ => None,
            })
            .flat_map(|(plot, questions)| {
                (0..).zip(questions).map(move |(at, (_, question))| (plot << 8 | at, question.clone()))
            })
            .collect();
        let mut answers = Vec::new();
        if let Some(proposer) = self.settings.proposer.as_deref().filter(|_| !questions.is_empty()) {
            answers = self.lab.ask(proposer, &questions).await?;
        }
        let mut answers = answers.into_iter();
        let mut children = Vec::new();
        for (plot, draft) in drafts {
            let made = match draft {
                None => Err("there is nothing to go by".to_owned()),
                Some(Draft::Made { slots, parents }) => Ok((slots, parents)),
                Some(Draft::Ask(questions)) => {
                    let slots = self.pool[plot.parent].candidate.slots.clone();
                    // All of them are taken, so that each plot has its own.
                    let own: Vec<_> = answers.by_ref().take(questions.len()).collect();
                    let read = questions
                        .iter()
                        .zip(own)
                        .try_fold(slots, |slots, ((slot, _), answer)| read(slots, slot, &answer?));
                    read.map(|slots| (slots, vec![plot.parent]))
                }
            };
            match made
                .and_then(|(slots, parents)| self.checked(slots, &parents).map(|slots| (slots, parents)))
            {
                Ok((slots, parents)) => {
                    let candidate = Arc::new(Candidate { name: format!("p{}", plot.number), slots });
                    self.known.insert(candidate.hash());
                    children.push(Child { plot, parents, candidate });
                }
                Err(reason) => self.dismiss(&plot, reason),
            }
        }
        Ok(children)
    }

    /// What the plotted proposer drafts or, where it has nothing to go by, the next best one.
    fn draft(&mut self, mut plot: Plot, front: &[Holder]) -> Result<(Plot, Option<Draft>), Halt> {
        let view = self.view(&plot, front)?;
        let others = (0..self.proposers.len()).filter(|one| *one != plot.proposer);
        let order = std::iter::once(plot.proposer).chain(others);
        let found = order.into_iter().find_map(|one| Some((one, self.proposers[one].0.draft(&view)?)));
        let used: Vec<String> =
            view.failed.iter().take(SHOWN.0).map(|episode| episode.task.id.clone()).collect();
        let Some((proposer, draft)) = found else { return Ok((plot, None)) };
        plot.proposer = proposer;
        if self.proposers[proposer].0.asks() && self.proposers[proposer].0.learns(false) {
            for row in used {
                *self.shown.entry((plot.parent, row)).or_default() += 1;
            }
        }
        Ok((plot, Some(draft)))
    }

    fn view<'v>(&'v self, plot: &'v Plot, front: &[Holder]) -> Result<View<'v>, Halt> {
        let (lab, train) = (&self.lab, &self.plan.train);
        let parent = &self.pool[plot.parent].candidate;
        let own = plot.dice.shuffled("evidence", lab.episodes(parent, train)?);
        let (mut failed, solved): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|episode| self.is_short(episode.reward));
        let shown = |row: &str| self.shown.get(&(plot.parent, row.to_owned())).copied().unwrap_or_default();
        failed.sort_by_key(|episode| shown(&episode.task.id));
        let worths: Vec<f64> = self.pool.iter().map(|node| self.mean(&node.candidate)).collect();
        let rewards = self.pool.iter().map(|node| mean(&self.rewards(&node.candidate)));
        Ok(View {
            dice: plot.dice,
            pool: &self.pool,
            rewards: rewards.map(|one| one.unwrap_or(f64::NEG_INFINITY)).collect(),
            worths,
            objectives: lab.board.objectives(),
            front: front.iter().map(|holder| holder.candidate).collect(),
            parent: plot.parent,
            slot: &plot.slot,
            tuned: &self.plan.tuned,
            about: (lab.inputs.engine.workflow().name, lab.inputs.engine.workflow().doc),
            failed,
            solved,
            all_solved: self.all_solved()?,
            columns: self.columns.clone(),
            train,
            phrases: self.phrases(),
            max_length: self.settings.max_length,
            known: &self.known,
        })
    }

    /// For each row to learn from on which anybody did as well as was ever done, a run that did.
    fn all_solved(&self) -> Result<Vec<Episode>, Halt> {
        let mut found = Vec::new();
        let best = |one: &&Node, task: &Task| {
            self.lab.board.reward(&one.candidate.name, &task.id).is_some_and(|reward| !self.is_short(reward))
        };
        for task in &self.plan.train {
            if let Some(node) = self.pool.iter().rev().find(|node| best(node, task)) {
                found.extend(self.lab.episodes(&node.candidate, std::slice::from_ref(task))?);
            }
        }
        Ok(found)
    }

    /// The columns of question and answer, by the runs of the seed, where the workflow has one prompt.
    pub(super) fn columns(&self) -> Result<Option<(String, String)>, Halt> {
        if self.plan.tuned.iter().filter(|tuned| !tuned.demos).count() != 1 {
            return Ok(None);
        }
        let runs = self.lab.episodes(&self.plan.seed, &self.plan.train)?;
        let asked: Vec<_> = runs.iter().map(|run| (&*run.task, run.input())).collect();
        let rows = self.plan.train.iter().chain(&self.rows);
        let answers = rows.filter_map(|task| Some((&**task, self.lab.answered(&self.plan.seed.name, task)?)));
        let (mut well, mut ill) = (Vec::new(), Vec::new());
        for (task, (answer, reward)) in answers {
            let side = if self.is_short(reward) { &mut ill } else { &mut well };
            side.push((task, answer));
        }
        Ok(columns(&asked, &well, &ill))
    }

    /// The configured phrases and those of all texts that were proposed.
    fn phrases(&self) -> Vec<String> {
        let texts = self.trials.iter().flat_map(|trial| trial.changed.values());
        let proposed = texts.filter_map(|value| match value {
            SlotValue::Prompt(text) => Some(phrases(Examples::split(text).0)),
            _ => None,
        });
        let mut seen = HashSet::new();
        let all = self.settings.phrases.iter().map(String::as_str).chain(proposed.flatten());
        all.filter(|phrase| seen.insert(*phrase)).map(str::to_owned).collect()
    }

    /// Refuses what needs no race.
    fn checked(&self, slots: Slots, parents: &[usize]) -> Result<Slots, String> {
        let first = &self.pool[parents[0]].candidate.slots;
        for (path, value) in &slots {
            let (SlotValue::Prompt(text), Some(SlotValue::Prompt(old))) = (value, first.get(path)) else {
                continue;
            };
            if text.trim().is_empty() {
                return Err(format!("it leaves `{path}` empty"));
            }
            let now = placeholders(text);
            if let Some(lost) = placeholders(old).into_iter().find(|one| !now.contains(one)) {
                return Err(format!("it drops the placeholder {lost} of `{path}`"));
            }
            let length = text.chars().count();
            if length > self.settings.max_length && length > old.chars().count() {
                let most = self.settings.max_length;
                return Err(format!(
                    "`{path}` would have {length} characters, more than the {most} of max-length"
                ));
            }
        }
        if self.known.contains(&hash(&slots)) { Err("it was tried before".to_owned()) } else { Ok(slots) }
    }

    /// Notes a proposal that was not raced.
    fn dismiss(&mut self, plot: &Plot, reason: String) {
        self.fruitless += 1;
        self.proposers[plot.proposer].1.note(false);
        self.trials.push(Trial {
            name: format!("p{}", plot.number),
            round: self.round,
            proposer: self.proposers[plot.proposer].0.name(),
            parents: vec![self.pool[plot.parent].candidate.name.clone()],
            changed: Slots::new(),
            rows: 0,
            reward: None,
            parent_reward: None,
            worth: None,
            parent_worth: None,
            taken: false,
            reason,
        });
    }
}

/// `slots` with the text that a proposer model wrote; worked examples below the old one stay.
fn read(mut slots: Slots, slot: &SlotPath, answer: &str) -> Result<Slots, String> {
    let text = fenced(answer).ok_or("the answer holds no text between fences")?;
    let Some(SlotValue::Prompt(old)) = slots.get(slot) else { return Err("the slot holds no text".into()) };
    let text = Examples::join(text, Examples::split(old).1);
    slots.insert(slot.clone(), SlotValue::Prompt(text));
    Ok(slots)
}
