//! Flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Override;

#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true, subcommand_required = false)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Flags of every verb.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct Common {
    /// The configuration; tuner.toml of this directory or of the package when not given
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Lay the table [profiles.NAME] over the configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Short for --profile live: real endpoints where the default is offline
    #[arg(long, global = true, conflicts_with = "profile")]
    pub(super) live: bool,
    /// Set a value of the configuration, such as budget.usd=2 or slots.solve.model=strong
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(super) set: Vec<Override>,
    /// The workflow, where there are several
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) workflow: Option<String>,
    /// The judge, where several fit
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) judge: Option<String>,
    /// Seed of every random choice
    #[arg(long, global = true, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Most rollouts under way at once
    #[arg(long, global = true, value_name = "NUMBER")]
    pub(super) concurrency: Option<u64>,
    /// Most rows that are read
    #[arg(long, global = true, value_name = "ROWS")]
    pub(super) limit: Option<u64>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Say more: -v what is done, -vv each call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
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
    List,
    /// Check configuration, slots and rows, and estimate the cost; no network
    Check,
    /// Show the first rows of the dataset, its columns and sizes
    Preview {
        /// How many rows
        #[arg(long, default_value_t = 5, value_name = "NUMBER")]
        rows: usize,
        /// Which of the configured datasets
        #[arg(long, value_enum, default_value_t = Which::Train)]
        dataset: Which,
        /// A dataset that is not configured: a directory, a file, or a name on the hub
        #[arg(value_name = "PATH")]
        path: Option<String>,
        /// The split of PATH
        #[arg(long, value_name = "SPLIT", requires = "path")]
        split: Option<String>,
    },
    /// Run one row through workflow and judge, and show the conversation
    Run {
        /// Which row of the evaluation dataset, from 0
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        row: usize,
        /// A task as JSON, instead of a row
        #[arg(long, value_name = "JSON", conflicts_with = "row")]
        task: Option<String>,
    },
    /// Run every row of the evaluation dataset
    Eval {
        /// How often each row is run
        #[arg(long, default_value_t = 1, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        repeats: u32,
    },
    /// Find the best model for a slot
    Select {
        /// The slot to fill
        #[arg(long, value_name = "SLOT")]
        slot: Option<String>,
        /// Names of models, separated by commas
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        candidates: Vec<String>,
        /// How often each row is run
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        repeats: Option<u32>,
        /// Run every candidate on every row, instead of letting the worse leave early
        #[arg(long)]
        full: bool,
    },
    /// Continue a run that was stopped or killed
    Resume {
        /// The run's directory
        #[arg(value_name = "RUN", default_value = "latest")]
        run: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    /// dataset.train
    Train,
    /// dataset.eval
    Eval,
}

impl Common {
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
