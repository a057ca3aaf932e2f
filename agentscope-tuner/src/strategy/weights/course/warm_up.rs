//! The steps before the first: on examples, until there are enough of them, or the policy is good enough.

use super::{
    super::{WarmStart, held_out::measure, warm_start},
    Course, Ended, SAY_EVERY,
};
use crate::{
    error::{Error, ErrorKind, Result},
    strategy::scores::Scores,
};

impl Course<'_> {
    pub(super) async fn warm_up(&mut self) -> Result<Ended> {
        let Some(warm) = &self.settings.warm_start else { return Ok(Ended::Well) };
        if self.state.is_warm(warm.steps) {
            return Ok(Ended::Well);
        }
        let examples = warm_start::examples(self.settings, warm)?;
        while !self.state.is_warm(warm.steps) {
            if self.inputs.engine.is_stopped() {
                return Ok(Ended::Stopped(Error::new(ErrorKind::Cancelled, "the run was stopped")));
            }
            let (number, seed) = (self.state.warmed, self.inputs.engine.seed());
            let loss = warm_start::step(self.settings, warm, &examples, &self.learner, number, seed).await?;
            self.state.warmed += 1;
            let done = self.state.warmed;
            self.log(&[("loss".to_owned(), loss)])?;
            if done.is_multiple_of(SAY_EVERY) || done == warm.steps {
                self.inputs.monitor.say(&format!("warm start {done}/{}: loss {loss:.4}", warm.steps));
            }
            if let Ended::Stopped(error) = self.look(warm).await? {
                return Ok(Ended::Stopped(error));
            }
            if done.is_multiple_of(self.settings.save_interval) && !self.state.is_warm(warm.steps) {
                self.save().await?;
            }
        }
        self.swap().await?;
        Ok(Ended::Well)
    }

    /// Ends the warm start where the policy does as well as was wanted of it, on the rows that choose.
    async fn look(&mut self, warm: &WarmStart) -> Result<Ended> {
        let Some(until) = warm.until.filter(|_| self.state.warmed.is_multiple_of(warm.eval_interval)) else {
            return Ok(Ended::Well);
        };
        self.swap().await?;
        let (version, rows) = (self.state.version(), &self.held_out.choosing);
        let (candidate, run) = measure(self.settings, &self.inputs, version, rows).await?;
        if let Some(stopped) = run.stopped {
            return Ok(Ended::Stopped(stopped));
        }
        let scores = Scores::new(std::slice::from_ref(&candidate), &run.records, self.inputs.engine.seed());
        if let Some(reward) = scores.reward(&candidate.name).filter(|reward| reward.mean >= until) {
            self.state.enough = true;
            self.inputs.monitor.say(&format!(
                "the warm start ends after {version} steps: {:.3} on held-out rows, {until} was wanted",
                reward.mean
            ));
        }
        Ok(Ended::Well)
    }
}
