//! `prompt` of several workflows: one after another, within one budget, in one directory.
//!
//! The directory has a store that knows its parts, and below it a run like any other for each. A part that has ended stays as it
//! is, and what it spent decides what the next may spend; so a resumed run gives every part what it would have had.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    COMMAND, Drive, drive, fact, remember, remember_command,
    share::{Purse, overrides, words},
};
use crate::{
    cli::{
        args::{Common, Format, PromptOptions},
        check,
        command::Command,
        prompt, show, start_up, usage,
    },
    config::{Config, Override},
    error::{Error, ErrorKind, Result},
    registry::Registry,
    report,
    rollout::Store,
    strategy::Outcome,
    tuner::{DIRECTORY, RunDir, Session, configuration},
};

/// Key of the fact that tells the parts.
const PARTS: &str = "parts";

/// One workflow of the run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part {
    workflow: String,
    /// The settings, those of the workflow's own included.
    settings: String,
    command: Command,
}

/// The workflows to tune together: those asked for, else those configured, unless one is asked for by itself.
///
/// # Errors
/// [`ErrorKind::Usage`] when one is named twice.
pub(in crate::cli) fn workflows(config: &Config, common: &Common, asked: &[String]) -> Result<Vec<String>> {
    let configured = || config.file.strategy.prompt.as_ref().map(|table| table.workflows.clone());
    let names = match (asked, &common.workflow) {
        ([], Some(_)) => Vec::new(),
        ([], None) => configured().unwrap_or_default(),
        (asked, _) => asked.to_vec(),
    };
    match names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
        Some((_, twice)) => Err(usage(format!("the workflow `{twice}` is named twice: tune it once"))),
        None => Ok(names),
    }
}

/// Begins a run over the workflows of these `names`.
pub(in crate::cli) fn start_all(
    config: &Config,
    common: &Common,
    names: &[String],
    options: &PromptOptions,
) -> Result<ExitCode> {
    let prepare = |name: &String| {
        let common = alone(common, name);
        let (registry, config) = start_up(&common)?;
        let command = prompt::command(&config, options.clone())?;
        let drive = Drive::prepare(&registry, &config, &common, &command)?;
        drive.rehearse(|inputs| command.tuning(&config).check(inputs))?;
        Ok(Part { workflow: name.clone(), settings: config.snapshot, command })
    };
    // Everything that can be wrong with any of them is found before the first is paid for.
    let parts = names
        .iter()
        .map(|name| {
            let within =
                |error: Error| Error::new(error.kind(), format!("workflow {name}")).with_source(error);
            prepare(name).map_err(within)
        })
        .collect::<Result<Vec<_>>>()?;
    let dir = RunDir::create(&Session::runs(config), "prompt")?;
    let store = Store::open(dir.store())?;
    remember(&store, config, common)?;
    let json = serde_json::to_string(&parts)
        .map_err(|error| Error::new(ErrorKind::Store, "the parts cannot be kept").with_source(error))?;
    store.put_meta(PARTS, &json)?;
    store.flush_blocking()?;
    proceed(common, &dir, &store, &parts)
}

/// The parts of the run in `store`, where it has some.
pub(super) fn parts(store: &Store) -> Result<Option<Vec<Part>>> {
    let Some(json) = store.meta(PARTS)? else { return Ok(None) };
    serde_json::from_str(&json).map(Some).map_err(|error| {
        Error::new(ErrorKind::Store, "the parts of the run cannot be read").with_source(error)
    })
}

/// Runs what has not ended yet.
pub(super) fn proceed(common: &Common, dir: &RunDir, store: &Store, parts: &[Part]) -> Result<ExitCode> {
    let whole = configuration(store, dir.path(), &common.overrides())?;
    let base = PathBuf::from(fact(store, dir, DIRECTORY)?);
    let mut purse = Purse::new(whole.file.budget);
    let mut outcomes = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let place = dir.make_part(&part.workflow)?;
        let ended = place.outcome()?.filter(|outcome| outcome.stopped.is_none());
        let outcome = match ended {
            Some(outcome) => outcome,
            None => {
                show::note(&format!("workflow {}, {} of {}", part.workflow, index + 1, parts.len()));
                let config = part.config(&base, common, &purse, parts.len() - index)?;
                let done = part.run(&config, common, &place)?;
                if done.outcome.stopped.is_some() || common.format() == Format::Text {
                    done.show(common.format());
                }
                if done.outcome.stopped.is_some() {
                    return Ok(done.exit_code(dir));
                }
                done.outcome
            }
        };
        purse.pay(Store::view(place.store())?.spent()?);
        outcomes.push((part.workflow.as_str(), outcome));
    }
    conclude(common, dir, &purse, &outcomes)
}

fn conclude(common: &Common, dir: &RunDir, purse: &Purse, outcomes: &[(&str, Outcome)]) -> Result<ExitCode> {
    match common.format() {
        Format::Json => {
            let part = |(workflow, outcome): &(&str, Outcome)| json!({ "workflow": workflow, "directory": dir.path().join(workflow), "outcome": outcome });
            let parts: Vec<_> = outcomes.iter().map(part).collect();
            show::json(&json!({ "workflows": parts, "spent": purse.spent() }))?;
        }
        Format::Text => {
            show::line(&report::together(outcomes));
            show::line(&report::spending(purse.spent()));
            show::line(&format!("kept in {}, a directory for each workflow", dir.path().display()));
        }
    }
    let decided = outcomes.iter().all(|(_, outcome)| drive::is_decided(outcome));
    Ok(if decided { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Part {
    /// The settings with what is left for the part, if `parts` have yet to end, this one among them.
    fn config(&self, base: &Path, common: &Common, purse: &Purse, parts: usize) -> Result<Config> {
        let mut over = common.overrides();
        over.push(Override::new("workflow", self.workflow.as_str()));
        let name = format!("the configuration of {}", self.workflow);
        let parse = |all: &[Override]| Config::parse(&self.settings, &name, base.to_owned(), None, all);
        let own = parse(&over)?.file.budget;
        over.extend(overrides(&purse.share(parts, &own)));
        parse(&over)
    }

    /// Begins the part, or continues it.
    fn run(&self, config: &Config, common: &Common, place: &RunDir) -> Result<drive::Done> {
        let registry = Registry::builder().linked().entries(config.workflows()).build()?;
        let drive = Drive::prepare(&registry, config, common, &self.command)?;
        let store = Store::open(place.store())?;
        if store.meta(COMMAND)?.is_none() {
            remember(&store, config, common)?;
            remember_command(&store, &self.command)?;
        }
        drive.run(place, store)
    }
}

/// Checks the workflows of these `names`, one after another.
pub(in crate::cli) fn check_all(config: &Config, common: &Common, names: &[String]) -> Result<ExitCode> {
    for name in names {
        let common = alone(common, name);
        let (registry, config) = start_up(&common)?;
        check::check(&registry, &config, &common)?;
    }
    match words(&config.file.budget) {
        Some(bounds) => show::line(&format!("{} workflows, together at most {bounds}", names.len())),
        None => show::line(&format!("{} workflows; no [budget] bounds them together", names.len())),
    }
    Ok(ExitCode::SUCCESS)
}

fn alone(common: &Common, workflow: &str) -> Common {
    Common { workflow: Some(workflow.to_owned()), ..common.clone() }
}
