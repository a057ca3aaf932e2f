//! The command line of every generated program.

mod args;
mod check;
mod command;
mod describe;
mod list;
mod live;
mod monitor;
mod preview;
mod progress;
mod prompt;
mod report;
mod resume;
mod rollout;
mod run;
mod serve;
mod show;
mod telemetry;
#[cfg(feature = "embedded")]
mod trajectory;
mod tune;
mod worker;

use std::{ffi::OsString, process::ExitCode};

use args::{Cli, Common, SelectOptions, Verb};
use clap::{CommandFactory as _, FromArgMatches as _};
use command::Command;
use telemetry::Telemetry;

use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    registry::Registry,
};

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

/// Exit code of a run that was interrupted, as shells count it: 128 and SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs the command line; called by `main!`. Exits with 0 when done, 1 when the run failed, 2 when the command line,
/// the configuration or the code is wrong, 130 when it was interrupted.
pub fn main(program: Program) -> ExitCode {
    let cli = match parse(program, std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failures. Nothing can be done about a closed terminal.
            _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let (verb, common) = cli.split();
    let telemetry = Telemetry::install(common.verbose, program.name);
    let done = match verb {
        Verb::Describe(options) => describe::describe(command(program), options.own.what),
        verb => dispatch(verb, &common),
    };
    let code = done.unwrap_or_else(|error| {
        show::error(&error);
        ExitCode::from(exit_code(error.kind()))
    });
    telemetry.close();
    code
}

fn parse(program: Program, args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command(program).try_get_matches_from(args)?)
}

fn command(program: Program) -> clap::Command {
    let Program { name, version, about } = program;
    let command = args::report_live(Cli::command()).name(name).bin_name(name).version(version);
    if about.is_empty() { command } else { command.about(about) }
}

fn dispatch(verb: Verb, common: &Common) -> Result<ExitCode> {
    if let Verb::Resume(options) = &verb {
        return resume::resume(common, &options.own.run);
    }
    if let Verb::Report(options) = &verb {
        return report::report(common, &options.own);
    }
    if let Verb::Serve(options) = &verb {
        return serve::serve(common, &options.own);
    }
    if let Verb::Rollout(options) = &verb
        && let Some(home) = &options.own.work_for
    {
        return rollout::work(home);
    }
    let (registry, config) = start_up(common)?;
    let start = |command| tune::start(&registry, &config, common, &command);
    match verb {
        Verb::List(_) => list::list(&registry, &config, common.format()),
        Verb::Check(_) => match tune::workflows(&config, common, &[])?.as_slice() {
            [] => check::check(&registry, &config, common),
            names => tune::check_all(&config, common, names),
        },
        Verb::Preview(options) => preview::preview(&config, common.format(), &options.own),
        Verb::Run(options) => run::run(&registry, &config, common, &options.own),
        Verb::Eval(options) => start(Command::Eval { repeats: options.own.repeats }),
        Verb::Select(options) => {
            let SelectOptions { slot, candidates, repeats, full } = options.own;
            start(Command::Select { slot, candidates, repeats, full })
        }
        #[cfg(feature = "embedded")]
        Verb::Weights(options) => {
            let args::WeightsOptions { slot, steps } = options.own;
            start(Command::Weights { slot, steps })
        }
        Verb::Prompt(options) => match tune::workflows(&config, common, &options.own.workflows)?.as_slice() {
            [] => start(prompt::command(&config, options.own)?),
            names => tune::start_all(&config, common, names, &options.own),
        },
        Verb::Rollout(options) => rollout::rollout(&registry, &config, common, &options.own),
        Verb::Worker(options) => worker::worker(registry, config, common, &options.own),
        Verb::Resume(_) | Verb::Report(_) | Verb::Serve(_) | Verb::Describe(_) => Ok(ExitCode::SUCCESS),
    }
}

/// What is registered and what is configured, checked against each other.
///
/// # Errors
/// Every fault of both in one error.
fn start_up(common: &Common) -> Result<(Registry, Config)> {
    let config = Config::load(common.config.as_deref(), common.profile(), &common.overrides());
    let configured = config.as_ref().map(Config::workflows).unwrap_or_default();
    let (registry, faults) = Registry::collect_with_faults(configured);
    let config = config.and_then(|config| {
        config.check_names(&registry)?;
        config.slots(&registry).map(|_| config)
    });
    match (config, faults.as_slice()) {
        (Ok(config), []) => Ok((registry, config)),
        (Err(error), []) => Err(error),
        (config, faults) => {
            let all: Vec<_> = faults.iter().cloned().chain(config.err().map(|error| error.chain())).collect();
            Err(Error::new(ErrorKind::Registry, all.join("\n")))
        }
    }
}

/// Whose fault it is: 2 when something must be written differently, 1 when the run went wrong.
fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage | ErrorKind::Config | ErrorKind::Registry => 2,
        ErrorKind::Cancelled => INTERRUPTED,
        _ => 1,
    }
}

/// An error of the command line.
fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}
