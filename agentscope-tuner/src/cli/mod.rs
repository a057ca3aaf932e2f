//! The command line of every generated program.

mod list;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{error::Result, registry::Registry};

/// What `main!` knows about the program that it starts.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Name of the package.
    pub name: &'static str,
    /// Version of the package.
    pub version: &'static str,
    /// Description of the package.
    pub about: &'static str,
}

#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what is registered (the default; spends nothing)
    List,
}

/// Runs the command line; called by `main!`.
pub fn main(_program: Program) -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let registry = Registry::collect()?;
    match cli.verb.as_ref().unwrap_or(&Verb::List) {
        Verb::List => list::list(&registry),
    }
    Ok(())
}
