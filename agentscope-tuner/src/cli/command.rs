//! What a verb was asked for, and the strategy that it becomes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    candidate::Candidate,
    config::{Config, SelectTable},
    error::Result,
    registry::Registry,
    strategy::{Evaluation, ModelSelection, PromptTuning, Strategy, prompt::Effort, selection::Rules},
    tuner::Session,
    workflow::SlotRole,
};
#[cfg(feature = "embedded")]
use crate::{candidate::SlotValue, tuner::weights_tuning};

/// What was asked for; kept with the run, so that `resume` can ask for it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Command {
    Eval {
        repeats: u32,
    },
    Select {
        slot: Option<String>,
        candidates: Vec<String>,
        repeats: Option<u32>,
        #[serde(default)]
        full: bool,
    },
    #[cfg(feature = "embedded")]
    Weights {
        slot: Option<String>,
        steps: Option<u64>,
    },
    Prompt {
        slots: Vec<String>,
        proposer: Option<String>,
        effort: Option<Effort>,
        rounds: Option<u32>,
        start: Option<Candidate>,
        #[serde(default)]
        traces: Option<PathBuf>,
    },
}

impl Command {
    /// The verb, which names the run.
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::Eval { .. } => "eval",
            Self::Select { .. } => "select",
            #[cfg(feature = "embedded")]
            Self::Weights { .. } => "weights",
            Self::Prompt { .. } => "prompt",
        }
    }

    /// The strategy, and the candidates that it may run.
    pub(super) fn strategy(
        &self,
        registry: &Registry,
        config: &Config,
        session: &Session<'_>,
    ) -> Result<(Box<dyn Strategy>, Vec<Candidate>)> {
        match self {
            Self::Eval { repeats } => {
                let evaluation = Evaluation { repeats: *repeats, ..Evaluation::default() };
                let candidates = vec![evaluation.candidate.clone()];
                Ok((Box::new(evaluation), candidates))
            }
            Self::Select { slot, candidates, repeats, full } => {
                let table = config.file.strategy.select.clone().unwrap_or_default();
                let configured =
                    if candidates.is_empty() { config.candidates(registry)? } else { Vec::new() };
                let names = match (candidates.as_slice(), table.candidates.as_slice()) {
                    ([], []) if configured.is_empty() => config.file.models.keys().cloned().collect(),
                    ([], names) | (names, _) => names.to_vec(),
                };
                let mut selection = selection(&table, session);
                if !names.is_empty() {
                    let slot = session.slot(SlotRole::Model, slot.as_deref().or(table.slot.as_deref()))?;
                    selection.candidates = ModelSelection::of_models(&slot, names).candidates;
                }
                selection.candidates.extend(configured);
                selection.repeats = repeats.or(table.repeats).unwrap_or(1);
                selection.rules.full |= full;
                let candidates = selection.candidates.clone();
                Ok((Box::new(selection), candidates))
            }
            #[cfg(feature = "embedded")]
            Self::Weights { slot, steps } => {
                let tuning = weights_tuning(config, session, slot.as_deref(), *steps)?;
                let value = SlotValue::model(&tuning.model);
                let candidate = Candidate::new("trained").with(tuning.slot.clone(), value);
                Ok((Box::new(tuning), vec![candidate]))
            }
            Self::Prompt { .. } => Ok((Box::new(self.tuning(config)), vec![Candidate::configured()])),
        }
    }
}

impl Command {
    /// `[strategy.prompt]` with what was asked for on the command line.
    pub(super) fn tuning(&self, config: &Config) -> PromptTuning {
        let tuning = config.file.strategy.prompt.clone().unwrap_or_default().tuning();
        let Self::Prompt { slots, proposer, effort, rounds, start, traces } = self.clone() else {
            return tuning;
        };
        PromptTuning {
            slots: if slots.is_empty() { tuning.slots } else { slots },
            proposer: proposer.or(tuning.proposer),
            // An effort that is asked for goes before a number of rollouts that is configured.
            rollouts: tuning.rollouts.filter(|_| effort.is_none()),
            effort: effort.unwrap_or(tuning.effort),
            rounds: rounds.or(tuning.rounds),
            start,
            traces,
            ..tuning
        }
    }
}

/// `[strategy.select]` without its candidates.
fn selection(table: &SelectTable, session: &Session<'_>) -> ModelSelection {
    let default = ModelSelection::default();
    let rules = Rules {
        confidence: table.confidence.unwrap_or(default.rules.confidence),
        epsilon: table.epsilon.unwrap_or(default.rules.epsilon),
        full: table.full,
    };
    ModelSelection {
        rules,
        cluster: table.cluster.clone(),
        holdout: table.holdout.unwrap_or(default.holdout),
        failure_share: table.failure_share.unwrap_or(default.failure_share),
        objective: table.objective.clone().unwrap_or_default(),
        allowance: session.budget(),
        ..default
    }
}
