//! The course of training: measure, sample, learn, keep; then the verdict.

mod warm_up;

use std::time::{Duration, Instant};

use policy::{Params, device::Cpu};

use super::{
    WeightsTuning,
    ahead::Ahead,
    alarm::Alarm,
    checkpoint::Checkpoints,
    groups::Sampled,
    held_out::{HeldOut, measure, unanswered},
    learner::{Learner, Start},
    lesson::{self, Learnt},
    policy,
    sampler::{Source, Supply},
    state::{Measured, State},
    step::{self, Times},
    verdict::{self, Confirmed},
};
use crate::{
    error::{Error, ErrorKind, Result},
    strategy::{Inputs, Outcome, scores::Scores},
};

/// Steps between two lines for people.
const SAY_EVERY: u64 = 10;
/// Measurements without a new best before a fall is worth a word.
const FALLING: usize = 3;

/// A run under way.
pub(super) struct Course<'a> {
    settings: &'a WeightsTuning,
    inputs: Inputs<'a>,
    held_out: HeldOut,
    checkpoints: Checkpoints,
    learner: Learner,
    supply: Supply<'a>,
    state: State,
    ahead: Ahead,
    /// Whether the trainer took a step that the state does not know: its weights are then not to be saved.
    torn: bool,
    base: Params<Cpu>,
}

/// How a part of the course ended.
enum Ended {
    Well,
    /// The run was interrupted or its budget is spent.
    Stopped(Error),
}

impl<'a> Course<'a> {
    /// Loads the model, or the newest checkpoint of a run that was stopped.
    pub(super) async fn begin(settings: &'a WeightsTuning, inputs: Inputs<'a>) -> Result<Self> {
        let seed = inputs.engine.seed();
        let start = Start::load(settings, seed)?;
        let base = start.base().clone();
        let checkpoints = Checkpoints::of(inputs.directory);
        checkpoints.sweep()?;
        let (resumed, state) = checkpoints.newest()?.unzip();
        let learner = Learner::start(start, resumed.as_deref()).await?;
        let supply = Supply::begin(settings, inputs.directory).await?;
        let held_out = HeldOut::divide(inputs.eval, settings.holdout, seed);
        let state: State = state.unwrap_or_default();
        if resumed.is_some() {
            checkpoints.crown(&state)?;
            inputs.monitor.say(&format!("going on from step {}", state.version()));
        }
        let (ahead, torn) = Default::default();
        Ok(Self { settings, inputs, held_out, checkpoints, learner, supply, state, ahead, torn, base })
    }

    /// Trains to the end, and leaves nothing behind.
    pub(super) async fn run(mut self) -> Result<Outcome> {
        let outcome = self.train_and_judge().await?;
        // What was learnt is not lost because a server keeps an adapter that nobody asks for.
        if let Err(error) = self.supply.end().await {
            self.inputs.monitor.say(&format!("warning: {}", error.chain()));
        }
        Ok(outcome)
    }

    async fn train_and_judge(&mut self) -> Result<Outcome> {
        let rows = self.inputs.eval.len();
        self.supply.give(&self.base, Source::Base).await?;
        let first = match self.confirm(0).await? {
            Ok(first) => first,
            Err(stopped) => return Ok(verdict::stopped(self.settings, stopped.chain(), 0, rows)),
        };
        if let Some(error) = unanswered(&first.1) {
            return Err(error);
        }
        self.say_mean("held-out rows before training", &first);
        self.swap().await?;
        let ended = match self.warm_up().await? {
            Ended::Well => self.train().await?,
            stopped @ Ended::Stopped(_) => stopped,
        };
        if let Ended::Stopped(error) = ended {
            // What is done since the last checkpoint would be found in the journal; saving it spares the wait.
            if !self.torn {
                self.save().await?;
            }
            return Ok(verdict::stopped(self.settings, error.chain(), self.state.version(), rows));
        }
        let best = self.state.best().map_or(0, |best| best.version);
        let confirmed = match best {
            0 => None,
            best => {
                self.supply.give_checkpoint(&self.checkpoints, best).await?;
                match self.confirm(best).await? {
                    Ok(confirmed) => Some(confirmed),
                    Err(stopped) => return Ok(verdict::stopped(self.settings, stopped.chain(), best, rows)),
                }
            }
        };
        Ok(verdict::outcome(self.settings, first, confirmed, rows, self.inputs.engine.seed()))
    }

    async fn train(&mut self) -> Result<Ended> {
        loop {
            let finished = self.is_finished();
            if (finished || self.state.step.is_multiple_of(self.settings.eval_interval))
                && let Ended::Stopped(error) = self.measure().await?
            {
                return Ok(Ended::Stopped(error));
            }
            if finished || self.has_lost_patience() {
                return Ok(Ended::Well);
            }
            if let Ended::Stopped(error) = self.step().await? {
                return Ok(Ended::Stopped(error));
            }
            if self.state.step.is_multiple_of(self.settings.save_interval) {
                self.save().await?;
            }
        }
    }

    fn is_finished(&self) -> bool {
        let spent = self.settings.token_limit.is_some_and(|limit| self.state.draws.tokens >= limit);
        self.state.step >= self.settings.steps || spent
    }

    fn has_lost_patience(&self) -> bool {
        let lost =
            self.settings.patience.is_some_and(|patience| self.state.since_best() >= patience as usize);
        if lost {
            self.inputs.monitor.say("training ends: the last measurements brought nothing better (patience)");
        }
        lost
    }

    /// Measures on the rows that choose, and keeps the checkpoint if it is the best so far.
    async fn measure(&mut self) -> Result<Ended> {
        if self.state.is_measured() {
            return Ok(Ended::Well);
        }
        let version = self.state.version();
        let rows = &self.held_out.choosing;
        let (candidate, run) = measure(self.settings, &self.inputs, version, rows).await?;
        if let Some(stopped) = run.stopped {
            return Ok(Ended::Stopped(stopped));
        }
        let scores = Scores::new(std::slice::from_ref(&candidate), &run.records, self.inputs.engine.seed());
        let Some(reward) = scores.reward(&candidate.name) else {
            let why = run.records.iter().find_map(|record| record.error.clone()).unwrap_or_default();
            return Err(Error::new(ErrorKind::Judge, format!("no held-out row could be scored: {why}")));
        };
        self.state.measured.push(Measured { version, mean: reward.mean });
        self.log(&[("eval/reward".to_owned(), reward.mean)])?;
        let is_best = self.state.best().is_some_and(|best| best.version == version);
        self.inputs.monitor.say(&format!(
            "after {version} steps: {:.3} ({:.3} to {:.3}) on {} held-out rows{}",
            reward.mean,
            reward.low,
            reward.high,
            reward.n,
            if is_best { ", the best so far" } else { "" }
        ));
        if is_best {
            self.save().await?;
        } else if self.state.since_best() >= FALLING && self.state.history.rises() {
            let warning = "rewards in training rise while those of held-out rows do not: it learns the training rows by heart, or fools the judge; more rows, or an early stop (patience)";
            self.alarm(Alarm::Warn(warning.to_owned()))?;
        }
        Ok(Ended::Well)
    }

    /// Learns from the oldest batch, while the next one is sampled where it may be stale, and gives the engine the new
    /// weights.
    async fn step(&mut self) -> Result<Ended> {
        let (settings, began) = (self.settings, Instant::now());
        if let Some(stopped) = self.ahead.fill(settings, &self.inputs, &mut self.state).await? {
            return Ok(Ended::Stopped(stopped));
        }
        let sampled = self.ahead.take(&mut self.state)?;
        let next = self.ahead.next(settings, &self.inputs, &self.state);
        let (learnt, next) = tokio::join!(self.learn(&sampled), next);
        let (learnt, train) = learnt?;
        if let Some((next, state)) = next? {
            if let Some(stopped) = next.stopped {
                self.torn = true;
                return Ok(Ended::Stopped(stopped));
            }
            self.state = state;
            self.ahead.put(next);
        }
        let staleness = self.state.version() - sampled.version;
        self.state.step += 1;
        self.swap().await?;
        let times = Times { rollout: sampled.took, train, whole: began.elapsed() };
        self.log(&step::values(&sampled, &learnt, times, staleness))?;
        let glance = step::glance(&sampled, &learnt);
        let number = self.state.step;
        if number == 1 || number.is_multiple_of(SAY_EVERY) {
            self.inputs.monitor.say(&step::line(number, settings.steps, &glance, &learnt, times));
        }
        let alarms = self.state.history.note(glance).into_iter().chain(self.supply.alarm(&learnt, staleness));
        alarms.collect::<Vec<_>>().into_iter().try_for_each(|alarm| self.alarm(alarm))?;
        Ok(Ended::Well)
    }

    async fn learn(&self, sampled: &Sampled) -> Result<(Learnt, Duration)> {
        let (settings, step, began) = (self.settings, self.state.step, Instant::now());
        let rate = settings.schedule.at(step + u64::from(settings.schedule.warmup_steps > 0));
        let learnt = lesson::learn(settings, &self.learner, &sampled.groups, rate).await?;
        Ok((learnt, began.elapsed()))
    }

    fn alarm(&self, alarm: Alarm) -> Result<()> {
        match alarm {
            Alarm::Warn(text) if !self.settings.strict => {
                self.inputs.monitor.say(&format!("warning: {text}"));
                Ok(())
            }
            Alarm::Warn(text) | Alarm::Stop(text) => Err(Error::new(ErrorKind::Other, text)),
        }
    }

    async fn swap(&mut self) -> Result<()> {
        let source = if self.state.version() == 0 { Source::Base } else { Source::Learner(&self.learner) };
        self.supply.give(&self.learner.weights().await?, source).await
    }

    async fn save(&self) -> Result<()> {
        self.checkpoints.save(self.settings, &self.learner, &self.state).await
    }

    /// The policy after `version` steps on the rows that chose nothing, or why that could not be finished.
    async fn confirm(&self, version: u64) -> Result<Result<Confirmed, Error>> {
        let rows = &self.held_out.confirming;
        let (candidate, run) = measure(self.settings, &self.inputs, version, rows).await?;
        Ok(match run.stopped {
            Some(stopped) => Err(stopped),
            None => Ok((candidate, run.records)),
        })
    }

    fn say_mean(&self, what: &str, (candidate, records): &Confirmed) {
        let scores = Scores::new(std::slice::from_ref(candidate), records, self.inputs.engine.seed());
        if let Some(reward) = scores.reward(&candidate.name) {
            self.inputs
                .monitor
                .say(&format!("{what}: {:.3} ({:.3} to {:.3})", reward.mean, reward.low, reward.high));
        }
    }

    /// Keeps the numbers of a step in the run store, and tells the monitor.
    fn log(&self, values: &[(String, f64)]) -> Result<()> {
        let version = self.state.version();
        self.inputs.engine.store().put_metrics(version, values)?;
        self.inputs.monitor.log(version, values);
        Ok(())
    }
}
