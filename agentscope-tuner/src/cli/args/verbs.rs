//! The flags of each verb.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Command, ValueEnum};
use serde::de::{DeserializeOwned, IntoDeserializer as _};

use crate::{
    model::{Device, Precision},
    strategy::prompt::Effort,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct PreviewOptions {
    /// How many rows
    #[arg(long, default_value_t = 5, value_name = "NUMBER")]
    pub(in crate::cli) rows: usize,
    /// Which of the configured datasets
    #[arg(long, value_enum, default_value_t = Which::Train)]
    pub(in crate::cli) dataset: Which,
    /// A dataset that is not configured: a directory, a file, or a name on the hub
    #[arg(value_name = "PATH")]
    pub(in crate::cli) path: Option<String>,
    /// The split of PATH
    #[arg(long, value_name = "SPLIT", requires = "path")]
    pub(in crate::cli) split: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunOptions {
    /// Which row of the evaluation dataset, from 0
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub(in crate::cli) row: usize,
    /// A task as JSON, instead of a row
    #[arg(long, value_name = "JSON", conflicts_with = "row")]
    pub(in crate::cli) task: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EvalOptions {
    /// How often each row is run
    #[arg(long, default_value_t = 1, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) repeats: u32,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SelectOptions {
    /// The slot to fill
    #[arg(long, value_name = "SLOT")]
    pub(in crate::cli) slot: Option<String>,
    /// Names of models, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(in crate::cli) candidates: Vec<String>,
    /// How often each row is run
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) repeats: Option<u32>,
    /// Run every candidate on every row, instead of letting the worse leave early
    #[arg(long)]
    pub(in crate::cli) full: bool,
}

#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(in crate::cli) struct WeightsOptions {
    /// The slot whose model is trained
    #[arg(long, value_name = "SLOT")]
    pub(in crate::cli) slot: Option<String>,
    /// How many steps
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::cli) steps: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct PromptOptions {
    /// Several workflows, tuned one after another within one budget, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "workflow")]
    pub(in crate::cli) workflows: Vec<String>,
    /// The slots to tune, separated by commas
    #[arg(long, value_name = "SLOTS", value_delimiter = ',')]
    pub(in crate::cli) slots: Vec<String>,
    /// The model that proposes texts
    #[arg(long, value_name = "MODEL")]
    pub(in crate::cli) proposer: Option<String>,
    /// How much is tried, within the budget
    #[arg(long, value_enum, value_name = "EFFORT")]
    pub(in crate::cli) effort: Option<EffortName>,
    /// Most rounds of proposals
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) rounds: Option<u32>,
    /// Learn first from what an earlier run recorded of the same texts on the rows to learn from
    #[arg(long, value_name = "RUN")]
    pub(in crate::cli) traces: Option<PathBuf>,
    /// Begin with the winner of an earlier run, and with what it recorded
    #[arg(long, value_name = "RUN")]
    pub(in crate::cli) from: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum EffortName {
    /// At most 300 rollouts
    Light,
    /// At most 1,000 rollouts
    Medium,
    /// At most 3,000 rollouts
    Heavy,
}

impl From<EffortName> for Effort {
    fn from(name: EffortName) -> Self {
        match name {
            EffortName::Light => Self::Light,
            EffortName::Medium => Self::Medium,
            EffortName::Heavy => Self::Heavy,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RolloutOptions {
    /// Keep answers and records in this file, and take from it what was done before; nothing is kept when not given
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) store: Option<PathBuf>,
    /// Work for a run on another machine: it says on standard input what to do, and hears of it in this file
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "store")]
    pub(in crate::cli) work_for: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WorkerOptions {
    /// Address and port; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:8300", value_name = "ADDRESS")]
    pub(in crate::cli) listen: SocketAddr,
    /// The environment variable that holds the bearer token which clients must send
    #[arg(long, value_name = "VARIABLE")]
    pub(in crate::cli) token_env: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeOptions {
    /// The run's directory
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(in crate::cli) run: PathBuf,
}

/// Its `--live` is that of the common options, with a meaning of its own: see [`report_live`].
#[derive(Debug, Args)]
pub(in crate::cli) struct ReportOptions {
    /// The run's directory
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(in crate::cli) run: PathBuf,
    /// Open the page in the browser
    #[arg(long)]
    pub(in crate::cli) open: bool,
    /// With --live: address and port on this machine; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(in crate::cli) listen: SocketAddr,
}

/// A report asks for no model, so its `--live` is free for a view of a run that goes on.
pub(in crate::cli) fn report_live(command: Command) -> Command {
    command.mut_subcommand("report", |report| {
        let help = "Serve the page until Ctrl-C, and renew it while the run goes on";
        report.mut_arg("live", |live| live.help(help).help_heading("Options").display_order(0))
    })
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeOptions {
    /// Names of configured models; all embedded ones when not given
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) models: Vec<String>,
    /// A Hugging Face model directory that is not configured, served under its own name
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "models")]
    pub(in crate::cli) path: Option<PathBuf>,
    /// Where the model of `--path` computes: cpu (default) or cuda
    #[arg(long, value_name = "DEVICE", requires = "path", value_parser = named::<Device>)]
    pub(in crate::cli) device: Option<Device>,
    /// How it multiplies on a GPU: f32 (default), tf32 or bf16
    #[arg(long, value_name = "PRECISION", requires = "path", value_parser = named::<Precision>)]
    pub(in crate::cli) precision: Option<Precision>,
    /// Address and port; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    pub(in crate::cli) listen: SocketAddr,
    /// The environment variable that holds the bearer token which clients must send
    #[arg(long, value_name = "VARIABLE")]
    pub(in crate::cli) token_env: Option<String>,
}

/// A value by the name that `tuner.toml` has for it.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, serde::de::value::Error> {
    T::deserialize(name.into_deserializer())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Which {
    /// dataset.train
    Train,
    /// dataset.eval
    Eval,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DescribeOptions {
    /// What to print
    #[arg(value_enum, value_name = "WHAT", default_value_t = What::Reference)]
    pub(in crate::cli) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum What {
    /// Every verb and every key of tuner.toml, as Markdown
    Reference,
    /// The JSON schema of tuner.toml, for editors
    Schema,
    /// A manual page
    Man,
    /// Completions for Bash
    Bash,
    /// Completions for Zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// Completions for Elvish
    Elvish,
    /// Completions for PowerShell
    #[value(name = "powershell")]
    PowerShell,
}
