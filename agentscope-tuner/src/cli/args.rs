//! Flags.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Command, Parser, Subcommand, ValueEnum};

use crate::{config::Override, strategy::prompt::Effort};

#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true, subcommand_required = false)]
pub(super) struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

impl Cli {
    /// The verb, and the common options that stand before and behind it, together.
    pub(super) fn split(self) -> (Verb, Common) {
        let verb = self.verb.unwrap_or(Verb::List(Options { own: NoOptions {}, common: Common::default() }));
        let common = self.common.and(verb.common());
        (verb, common)
    }
}

/// The options of a verb beside the common ones, which may stand before or behind it.
#[derive(Debug, Args)]
pub(super) struct Options<T: Args> {
    #[command(flatten)]
    pub(super) own: T,
    #[command(flatten)]
    common: Common,
}

/// Of a verb that has none.
#[derive(Debug, Args)]
pub(super) struct NoOptions {}

/// Flags of every verb.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct Common {
    /// The configuration; tuner.toml of this directory or of the package when not given
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Lay the table [profiles.NAME] over the configuration
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Short for --profile live: real endpoints where the default is offline
    #[arg(long, conflicts_with = "profile")]
    pub(super) live: bool,
    /// Set a value of the configuration, such as budget.usd=2 or slots.solve.model=strong
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<Override>,
    /// The workflow, where there are several
    #[arg(long, value_name = "NAME")]
    pub(super) workflow: Option<String>,
    /// The judge, where several fit
    #[arg(long, value_name = "NAME")]
    pub(super) judge: Option<String>,
    /// Seed of every random choice
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Most rollouts under way at once
    #[arg(long, value_name = "NUMBER")]
    pub(super) concurrency: Option<u64>,
    /// Most rows that are read
    #[arg(long, value_name = "ROWS")]
    pub(super) limit: Option<u64>,
    /// How results are printed
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// Say more: -v what is done, -vv each call
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For machines, on standard output; progress stays on standard error
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show what is registered (the default; spends nothing)
    List(Options<NoOptions>),
    /// Check configuration, slots and rows, and estimate the cost; no network
    Check(Options<NoOptions>),
    /// Show the first rows of the dataset, its columns and sizes
    Preview(Options<PreviewOptions>),
    /// Run one row through workflow and judge, and show the conversation
    Run(Options<RunOptions>),
    /// Run every row of the evaluation dataset
    Eval(Options<EvalOptions>),
    /// Find the best model for a slot
    Select(Options<SelectOptions>),
    /// Train the weights of an embedded model by reinforcement learning
    #[cfg(feature = "embedded")]
    Weights(Options<WeightsOptions>),
    /// Improve the prompts of the workflow
    Prompt(Options<PromptOptions>),
    /// Continue a run that was stopped or killed
    Resume(Options<ResumeOptions>),
    /// Write the page of a run, and open it
    Report(Options<ReportOptions>),
    /// Serve models to OpenAI-compatible clients
    Serve(Options<ServeOptions>),
}

impl Verb {
    fn common(&self) -> &Common {
        match self {
            Self::List(options) | Self::Check(options) => &options.common,
            Self::Preview(options) => &options.common,
            Self::Run(options) => &options.common,
            Self::Eval(options) => &options.common,
            Self::Select(options) => &options.common,
            #[cfg(feature = "embedded")]
            Self::Weights(options) => &options.common,
            Self::Prompt(options) => &options.common,
            Self::Resume(options) => &options.common,
            Self::Report(options) => &options.common,
            Self::Serve(options) => &options.common,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct PreviewOptions {
    /// How many rows
    #[arg(long, default_value_t = 5, value_name = "NUMBER")]
    pub(super) rows: usize,
    /// Which of the configured datasets
    #[arg(long, value_enum, default_value_t = Which::Train)]
    pub(super) dataset: Which,
    /// A dataset that is not configured: a directory, a file, or a name on the hub
    #[arg(value_name = "PATH")]
    pub(super) path: Option<String>,
    /// The split of PATH
    #[arg(long, value_name = "SPLIT", requires = "path")]
    pub(super) split: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    /// Which row of the evaluation dataset, from 0
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub(super) row: usize,
    /// A task as JSON, instead of a row
    #[arg(long, value_name = "JSON", conflicts_with = "row")]
    pub(super) task: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct EvalOptions {
    /// How often each row is run
    #[arg(long, default_value_t = 1, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) repeats: u32,
}

#[derive(Debug, Args)]
pub(super) struct SelectOptions {
    /// The slot to fill
    #[arg(long, value_name = "SLOT")]
    pub(super) slot: Option<String>,
    /// Names of models, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) candidates: Vec<String>,
    /// How often each row is run
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) repeats: Option<u32>,
    /// Run every candidate on every row, instead of letting the worse leave early
    #[arg(long)]
    pub(super) full: bool,
}

#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(super) struct WeightsOptions {
    /// The slot whose model is trained
    #[arg(long, value_name = "SLOT")]
    pub(super) slot: Option<String>,
    /// How many steps
    #[arg(long, value_name = "NUMBER")]
    pub(super) steps: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct PromptOptions {
    /// The slots to tune, separated by commas
    #[arg(long, value_name = "SLOTS", value_delimiter = ',')]
    pub(super) slots: Vec<String>,
    /// The model that proposes texts
    #[arg(long, value_name = "MODEL")]
    pub(super) proposer: Option<String>,
    /// How much is tried, within the budget
    #[arg(long, value_enum, value_name = "EFFORT")]
    pub(super) effort: Option<EffortName>,
    /// Most rounds of proposals
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) rounds: Option<u32>,
    /// Learn first from what an earlier run recorded of the same texts on the rows to learn from
    #[arg(long, value_name = "RUN")]
    pub(super) traces: Option<PathBuf>,
    /// Begin with the winner of an earlier run, and with what it recorded
    #[arg(long, value_name = "RUN")]
    pub(super) from: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EffortName {
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
pub(super) struct ResumeOptions {
    /// The run's directory
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(super) run: PathBuf,
}

/// Its `--live` is that of the common options, with a meaning of its own: see [`report_live`].
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// The run's directory
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(super) run: PathBuf,
    /// Open the page in the browser
    #[arg(long)]
    pub(super) open: bool,
    /// With --live: address and port on this machine; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(super) listen: SocketAddr,
}

/// A report asks for no model, so its `--live` is free for a view of a run that goes on.
pub(super) fn report_live(command: Command) -> Command {
    command.mut_subcommand("report", |report| {
        let help = "Serve the page until Ctrl-C, and renew it while the run goes on";
        report.mut_arg("live", |live| live.help(help).help_heading("Options").display_order(0))
    })
}

#[derive(Debug, Args)]
pub(super) struct ServeOptions {
    /// Names of configured models; all embedded ones when not given
    #[arg(value_name = "MODEL")]
    pub(super) models: Vec<String>,
    /// A Hugging Face model directory that is not configured, served under its own name
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "models")]
    pub(super) path: Option<PathBuf>,
    /// Address and port; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    pub(super) listen: SocketAddr,
    /// The environment variable that holds the bearer token which clients must send
    #[arg(long, value_name = "VARIABLE")]
    pub(super) token_env: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    /// dataset.train
    Train,
    /// dataset.eval
    Eval,
}

impl Common {
    /// These options, with those of `later` going before them.
    fn and(self, later: &Self) -> Self {
        let later = later.clone();
        Self {
            config: later.config.or(self.config),
            live: later.live || self.live,
            profile: later.profile.or(self.profile),
            set: self.set.into_iter().chain(later.set).collect(),
            workflow: later.workflow.or(self.workflow),
            judge: later.judge.or(self.judge),
            seed: later.seed.or(self.seed),
            concurrency: later.concurrency.or(self.concurrency),
            limit: later.limit.or(self.limit),
            format: later.format.or(self.format),
            verbose: later.verbose + self.verbose,
        }
    }

    /// How results are printed.
    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Text)
    }

    /// The profile that is asked for.
    pub(super) fn profile(&self) -> Option<&str> {
        if self.live { Some("live") } else { self.profile.as_deref() }
    }

    /// All overrides, weakest first: environment, then `--set`, then flags of their own.
    pub(super) fn overrides(&self) -> Vec<Override> {
        let number = |key: &'static str, value: Option<u64>| {
            value.map(|value| Override::new(key, i64::try_from(value).unwrap_or(i64::MAX)))
        };
        let text = |key: &'static str, value: &Option<String>| {
            value.as_ref().map(|value| Override::new(key, value.as_str()))
        };
        let flags = [
            text("workflow", &self.workflow),
            text("judge", &self.judge),
            number("seed", self.seed),
            number("run.concurrency", self.concurrency),
        ];
        let mut overrides = Override::from_env(std::env::vars());
        overrides.extend(self.set.iter().cloned());
        overrides.extend(flags.into_iter().flatten());
        overrides
    }
}
