//! Flags.

mod verbs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "embedded")]
pub(in crate::cli) use verbs::WeightsOptions;
pub(in crate::cli) use verbs::{
    DescribeOptions, EvalOptions, PreviewOptions, PromptOptions, ReportOptions, ResumeOptions,
    RolloutOptions, RunOptions, SelectOptions, ServeOptions, What, Which, WorkerOptions, report_live,
};

use crate::config::Override;

#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true, subcommand_required = false)]
pub(in crate::cli) struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

impl Cli {
    /// The verb, and the common options that stand before and behind it, together.
    pub(in crate::cli) fn split(self) -> (Verb, Common) {
        let verb = self.verb.unwrap_or(Verb::List(Options { own: NoOptions {}, common: Common::default() }));
        let common = self.common.and(verb.common());
        (verb, common)
    }
}

/// The options of a verb beside the common ones, which may stand before or behind it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options<T: Args> {
    #[command(flatten)]
    pub(in crate::cli) own: T,
    #[command(flatten)]
    common: Common,
}

/// Of a verb that has none.
#[derive(Debug, Args)]
pub(in crate::cli) struct NoOptions {}

/// The heading of the flags of every verb.
pub(in crate::cli) const COMMON: &str = "Common options";

/// Flags of every verb.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = COMMON)]
pub(in crate::cli) struct Common {
    /// The configuration; tuner.toml of this directory or of the package when not given
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Lay the table [profiles.NAME] over the configuration
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) profile: Option<String>,
    /// Short for --profile live: real endpoints where the default is offline
    #[arg(long, conflicts_with = "profile")]
    pub(in crate::cli) live: bool,
    /// Set a value of the configuration, such as budget.usd=2 or slots.solve.model=strong
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) set: Vec<Override>,
    /// The workflow, where there are several
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) workflow: Option<String>,
    /// The judge, where several fit
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) judge: Option<String>,
    /// Seed of every random choice
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::cli) seed: Option<u64>,
    /// Most rollouts under way at once
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::cli) concurrency: Option<u64>,
    /// Most rows that are read
    #[arg(long, value_name = "ROWS")]
    pub(in crate::cli) limit: Option<u64>,
    /// Where the rollouts of eval, select, prompt and weights run
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub(in crate::cli) engine: Option<EngineArgument>,
    /// How results are printed
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(in crate::cli) format: Option<Format>,
    /// Say more: -v what is done, -vv each call
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(in crate::cli) verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum EngineArgument {
    /// In this process
    Local,
    /// On the Ray cluster of [ray]
    Ray,
}

impl EngineArgument {
    fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ray => "ray",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// For people
    Text,
    /// For machines, on standard output; progress stays on standard error
    Json,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
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
    /// Run what lines of JSON on standard input ask for, and write a record of each
    Rollout(Options<RolloutOptions>),
    /// Serve rollouts to the trainer of another engine, one HTTP call each
    Worker(Options<WorkerOptions>),
    /// Continue a run that was stopped or killed
    Resume(Options<ResumeOptions>),
    /// Write the page of a run, and open it
    Report(Options<ReportOptions>),
    /// Serve models to OpenAI-compatible clients
    Serve(Options<ServeOptions>),
    /// Print this program's documentation: every verb and key, a manual page, completions for a shell
    Describe(Options<DescribeOptions>),
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
            Self::Rollout(options) => &options.common,
            Self::Worker(options) => &options.common,
            Self::Resume(options) => &options.common,
            Self::Report(options) => &options.common,
            Self::Serve(options) => &options.common,
            Self::Describe(options) => &options.common,
        }
    }
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
            engine: later.engine.or(self.engine),
            format: later.format.or(self.format),
            verbose: later.verbose + self.verbose,
        }
    }

    /// How results are printed.
    pub(in crate::cli) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Text)
    }

    /// The profile that is asked for.
    pub(in crate::cli) fn profile(&self) -> Option<&str> {
        if self.live { Some("live") } else { self.profile.as_deref() }
    }

    /// All overrides, weakest first: environment, then `--set`, then flags of their own.
    pub(in crate::cli) fn overrides(&self) -> Vec<Override> {
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
            self.engine.map(|engine| Override::new("run.engine", engine.name())),
        ];
        let mut overrides = Override::from_env(std::env::vars());
        overrides.extend(self.set.iter().cloned());
        overrides.extend(flags.into_iter().flatten());
        overrides
    }
}
