//! From the table to the strategy's settings.

use agentscope_tuner_policy::{
    adapter::{LoraConfig, Module},
    loss::{AdvantageSettings, Algorithm, DpoSettings, Importance, Overlong, PolicySettings, Scale},
    optimizer::{AdamWSettings, Decay, Schedule},
};

use super::{LoraTable, WarmStartTable, WeightsTable};
use crate::{
    error::{Error, ErrorKind, Result},
    strategy::weights::{Objective, Truncated, WeightsTuning},
};

/// The largest weight of a token that older weights or a server sampled, unless another is set.
const USUAL_CAP: f64 = 2.0;

impl WeightsTable {
    /// Lays the table over `tuning`. Its slot, model, sampler and warm start stay as they are.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a name that is not known.
    pub fn apply(&self, tuning: &mut WeightsTuning) -> Result<()> {
        self.apply_objective(tuning)?;
        self.apply_optimizer(tuning)?;
        self.apply_rollouts(tuning)?;
        set(&mut tuning.eval_interval, self.eval_interval);
        set(&mut tuning.eval_repeats, self.eval_repeats);
        set(&mut tuning.holdout, self.holdout);
        set(&mut tuning.save_interval, self.save_interval);
        set(&mut tuning.strict, self.strict);
        set(&mut tuning.confidence, self.confidence);
        tuning.patience = self.patience;
        tuning.token_limit = self.token_limit;
        Ok(())
    }

    /// The schedule of the warm start.
    pub fn warm_schedule(&self, warm: &WarmStartTable, tuning: &WeightsTuning) -> Schedule {
        let learning_rate = warm.learning_rate.unwrap_or(tuning.schedule.learning_rate);
        let steps = warm.steps.unwrap_or(100);
        let warmup_steps = warm.warmup_steps.unwrap_or(steps / 10);
        Schedule { warmup_steps, ..Schedule::constant(learning_rate) }
    }

    fn apply_objective(&self, tuning: &mut WeightsTuning) -> Result<()> {
        let name = self.algorithm.as_deref().unwrap_or(Algorithm::default().name());
        tuning.objective = match name {
            "sft" => Objective::Best,
            "dpo" => {
                let default = DpoSettings::default();
                Objective::Preference(DpoSettings { beta: self.beta.unwrap_or(default.beta), ..default })
            }
            _ => Objective::Policy(self.policy(known(name.parse())?)),
        };
        if let Objective::Policy(policy) = &tuning.objective {
            tuning.advantages = AdvantageSettings::of(policy.algorithm);
        }
        if let Some(scale) = &self.scale_rewards {
            tuning.advantages.scale = match scale.as_str() {
                "group" => Scale::Group,
                "batch" => Scale::Batch,
                "none" => Scale::None,
                other => return Err(unknown("scale-rewards", other, "group, batch, none")),
            };
        }
        Ok(())
    }

    fn policy(&self, algorithm: Algorithm) -> PolicySettings {
        let default = PolicySettings { algorithm, ..PolicySettings::default() };
        PolicySettings {
            epsilon_low: self.epsilon_low,
            epsilon_high: self.epsilon_high,
            dual_clip: self.dual_clip,
            beta: self.beta.unwrap_or(default.beta),
            entropy_coef: self.entropy_coef.unwrap_or(default.entropy_coef),
            top_entropy_quantile: self.top_entropy_quantile.unwrap_or(default.top_entropy_quantile),
            importance: self
                .importance_cap
                .or(self.staleness.filter(|staleness| *staleness > 0).map(|_| USUAL_CAP))
                .or(self.sampler.as_ref().map(|_| USUAL_CAP))
                .map_or(default.importance, |max| Importance::TokenTruncate { max }),
            off_policy_mask_threshold: self.off_policy_mask_threshold,
            max_completion_length: self.max_tokens.map(|tokens| tokens as usize),
            ..default
        }
    }

    fn apply_optimizer(&self, tuning: &mut WeightsTuning) -> Result<()> {
        tuning.lora = self.lora.as_ref().map(LoraTable::config).transpose()?;
        let usual = if tuning.lora.is_some() { 1e-5 } else { 1e-6 };
        let decay =
            self.decay.as_deref().map(|name| known(name.parse())).transpose()?.unwrap_or(Decay::Constant);
        // Without a step there is nothing to schedule.
        let total_steps = self.steps.unwrap_or(tuning.steps).max(1);
        tuning.schedule = Schedule {
            warmup_steps: self.warmup_steps.unwrap_or(0),
            decay,
            total_steps,
            ..Schedule::constant(self.learning_rate.unwrap_or(usual))
        };
        let default = AdamWSettings::default();
        tuning.optimizer = AdamWSettings {
            weight_decay: self.weight_decay.unwrap_or(default.weight_decay),
            max_grad_norm: self.max_grad_norm.or(default.max_grad_norm),
            ..default
        };
        set(&mut tuning.steps, self.steps);
        set(&mut tuning.updates, self.updates);
        set(&mut tuning.token_budget, self.token_budget);
        set(&mut tuning.recompute, self.recompute);
        set(&mut tuning.device, self.device);
        set(&mut tuning.precision, self.precision);
        Ok(())
    }

    fn apply_rollouts(&self, tuning: &mut WeightsTuning) -> Result<()> {
        set(&mut tuning.group_size, self.group_size);
        set(&mut tuning.batch_size, self.batch_size);
        set(&mut tuning.temperature, self.temperature);
        set(&mut tuning.failure_reward, self.failure_reward);
        set(&mut tuning.staleness, self.staleness);
        set(&mut tuning.dynamic_sampling, self.dynamic_sampling);
        set(&mut tuning.curriculum, self.curriculum);
        set(&mut tuning.eval_sampling, self.eval_sampling.clone());
        tuning.max_tokens = self.max_tokens;
        tuning.overlong =
            self.overlong.as_ref().map(|table| Overlong { limit: table.limit, cache: table.cache });
        tuning.truncated = match self.truncated.as_deref() {
            None | Some("mask") => Truncated::Mask,
            Some("keep") => Truncated::Keep,
            Some("drop") => Truncated::Drop,
            Some(other) => return Err(unknown("truncated", other, "mask, keep, drop")),
        };
        Ok(())
    }
}

impl LoraTable {
    fn config(&self) -> Result<LoraConfig> {
        let default = LoraConfig::default();
        let targets = self
            .targets
            .as_ref()
            .map(|names| names.iter().map(|name| known(name.parse::<Module>())).collect::<Result<Vec<_>>>());
        Ok(LoraConfig {
            rank: self.rank.unwrap_or(default.rank),
            alpha: self.alpha.unwrap_or(default.alpha),
            targets: targets.transpose()?.unwrap_or(default.targets.clone()),
            ..default
        })
    }
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

fn known<T>(parsed: agentscope_tuner_policy::Result<T>) -> Result<T> {
    parsed.map_err(|error| Error::new(ErrorKind::Config, format!("[strategy.weights] {error}")))
}

fn unknown(key: &str, value: &str, choices: &str) -> Error {
    let message = format!("[strategy.weights] {key} is `{value}`, but must be one of {choices}");
    Error::new(ErrorKind::Config, message)
}
