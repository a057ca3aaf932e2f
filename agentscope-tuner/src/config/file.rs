//! The tables of `tuner.toml`.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EngineName, PromptTable, RayTable, WorkflowTable};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{ModelSpec, Usd},
    rollout::Allowance,
    strategy::selection::Objective,
};

/// The whole file. Unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct File {
    /// Seed of every random choice; 0 when unset.
    pub seed: u64,
    /// The workflow to tune, where there are several.
    pub workflow: Option<String>,
    /// The judge, where several fit.
    pub judge: Option<String>,
    /// `[dataset]`.
    pub dataset: DatasetsTable,
    /// `[models.NAME]`.
    pub models: BTreeMap<String, ModelSpec>,
    /// `[judges.NAME]`: see [`judge::configured`](crate::judge::configured).
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Value>>")]
    pub judges: BTreeMap<String, toml::Table>,
    /// `[workflows.NAME]`: workflows that are programs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub workflows: BTreeMap<String, WorkflowTable>,
    /// `[slots.COMPONENT]`: what fills the slots of a workflow or judge, by their names: a model's name or `{ name = …, sampling =
    /// … }`, a text or `{ file = … }`, a list of `{ input = …, output = … }`, or any value.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Value>>")]
    pub slots: BTreeMap<String, toml::Table>,
    /// `[strategy.…]`.
    pub strategy: StrategyTable,
    /// `[limits]`: what one rollout may use, after which it is judged as it stands. Its time is 300 seconds when unset;
    /// waiting for a free place at an endpoint is not counted.
    pub limits: BoundsTable,
    /// `[budget]`: what the run may spend in all its sessions together, reserved before each call and never exceeded. Its
    /// time is that of one session.
    pub budget: BoundsTable,
    /// `[run]`.
    pub run: RunTable,
    /// `[ray]`.
    pub ray: RayTable,
    /// `[monitor]`.
    pub monitor: MonitorTable,
}

/// `[dataset]`: the rows to learn from and the rows to be measured on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct DatasetsTable {
    /// What strategies learn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<DatasetTable>,
    /// What `eval` and `select` measure on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval: Option<DatasetTable>,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DatasetTable {
    /// A directory, a file, or a name on the hub.
    pub path: String,
    /// A configuration of the dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<String>,
    /// Such as `train`, `test[:100]`, `train[10%:20%]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Most rows, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Whether rows are drawn in a random order that depends on the run's seed.
    #[serde(default)]
    pub shuffle: bool,
}

/// `[strategy.…]`: one table a strategy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct StrategyTable {
    /// `[strategy.select]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<SelectTable>,
    /// `[strategy.weights]`.
    #[cfg(feature = "embedded")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<super::WeightsTable>,
    /// `[strategy.prompt]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptTable>,
}

/// `[strategy.select]`: model selection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SelectTable {
    /// The `Model` slot to fill: `slot` of the workflow, or `component.slot`. The only one when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Names of models; all of `[models]` when empty.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// `[[strategy.select.candidate]]`: candidates that are more than a model's name; added to `candidates`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidate: Vec<CandidateTable>,
    /// How often each row is run, at least 1; 1 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
    /// Whether all candidates are run on all rows; nobody leaves early then.
    #[serde(default)]
    pub full: bool,
    /// How much worse is still the same, at least 0; 0.01 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Share of runs without a wrong verdict, at least 0.5 and below 1; 0.95 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// A column; rows that share its value count as one draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Share of rows on which the winner is measured again, 0 to 0.5; 0.1 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<f64>,
    /// Share of a candidate's rollouts that may fail at an endpoint or in the judge, 0 to 1; 0.1 when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_share: Option<f64>,
    /// `quality`, `cost`, `tokens`, `time`, a metric, or a table of weights; `quality` when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Objective>,
}

/// `[[strategy.select.candidate]]`: values for any slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CandidateTable {
    /// A name for people, different from all others.
    pub name: String,
    /// Values as under `[slots]`: component, then slot.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Value>>")]
    pub slots: BTreeMap<String, toml::Table>,
}

/// `[limits]` and `[budget]`: the most that may be used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct BoundsTable {
    /// Seconds, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// Model calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Tokens, input and output together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
}

impl BoundsTable {
    /// Calls, tokens and money.
    pub fn allowance(&self) -> Allowance {
        Allowance { calls: self.calls, tokens: self.tokens, usd: self.usd.map(Usd::new) }
    }

    /// The time, where it is set.
    pub fn time(&self) -> Option<Duration> {
        self.time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }
}

/// `[run]`: how the engine works.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct RunTable {
    /// Most rollouts under way at once, at least 1; 64 when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<usize>,
    /// Where the rollouts of `eval`, `select`, `prompt` and `weights` run; `local` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineName>,
    /// Where runs are kept; `runs` beside the file when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

/// `[monitor]`: where the numbers of training steps go besides the run's store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct MonitorTable {
    /// Whether the run's directory gets event files for TensorBoard; true when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensorboard: Option<bool>,
    /// An MLflow tracking server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlflow: Option<MlFlowTable>,
}

/// `[monitor.mlflow]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MlFlowTable {
    /// Its address, such as `http://127.0.0.1:5000`.
    pub url: String,
    /// Name of the experiment; that of the workflow when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<String>,
}

/// Reads `table`, naming every key that is unknown.
pub(super) fn read(table: toml::Table, name: &str) -> Result<File> {
    let mut unknown = Vec::new();
    // An optional table shows as `?`.
    let file = serde_ignored::deserialize(toml::Value::Table(table), |path| {
        unknown.push(path.to_string().replace(".?", ""));
    });
    let unknown: Vec<_> = unknown
        .iter()
        .map(|key| format!("{name}: `{key}` is unknown; remove it or correct its spelling"))
        .collect();
    match (file, unknown.as_slice()) {
        (Ok(file), []) => Ok(file),
        (Ok(_), faults) => Err(Error::new(ErrorKind::Config, faults.join("\n"))),
        (Err(error), _) => {
            Err(Error::new(ErrorKind::Config, format!("{name}: {}", error.to_string().trim_end())))
        }
    }
}
