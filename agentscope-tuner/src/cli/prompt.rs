//! `prompt --from` and `--traces`: what an earlier run left.

use std::{fs, path::Path};

use super::{args::PromptOptions, command::Command, usage};
use crate::{
    candidate::{Candidate, SlotValue},
    config::Config,
    error::{Error, ErrorKind, Result},
    strategy::Outcome,
    tuner::{RunDir, Session},
};

/// What `options` ask for.
///
/// # Errors
/// [`ErrorKind::Usage`] when the run of `--from` has no winner with texts.
pub(super) fn command(config: &Config, options: PromptOptions) -> Result<Command> {
    let PromptOptions { slots, proposer, effort, rounds, traces, from, workflows: _ } = options;
    let start = from.as_deref().map(|run| winner(config, run)).transpose()?;
    let traces = traces.or(from).map(|run| find(config, &run)).transpose()?;
    // A resumed run may be started elsewhere.
    let traces = traces.map(|dir| std::path::absolute(dir.path())).transpose()?;
    Ok(Command::Prompt { slots, proposer, effort: effort.map(Into::into), rounds, start, traces })
}

/// The run that is named; of a run over several workflows, that of the workflow to tune.
fn find(config: &Config, run: &Path) -> Result<RunDir> {
    let dir = match RunDir::at(run) {
        Some(dir) => dir,
        None => RunDir::below(&Session::runs(config), run)?,
    };
    let name = config.file.workflow.as_deref().unwrap_or_default();
    match dir.part(name) {
        Some(part) => Ok(part),
        None if dir.parts().is_empty() => Ok(dir),
        None => Err(usage(format!("{} has no part `{name}`: name one of its parts", dir.path().display()))),
    }
}

/// The winner of an earlier run.
fn winner(config: &Config, run: &Path) -> Result<Candidate> {
    let dir = find(config, run)?;
    let path = dir.path().join("outcome.json");
    let shown = path.display();
    let text = fs::read_to_string(&path).map_err(|error| {
        let message =
            format!("cannot read {shown}: a run has it when it has ended; continue that one with `resume`");
        Error::new(ErrorKind::Usage, message).with_source(error)
    })?;
    let outcome: Outcome = serde_json::from_str(&text)
        .map_err(|error| Error::new(ErrorKind::Usage, format!("{shown} is no outcome")).with_source(error))?;
    let found = outcome
        .candidates
        .into_iter()
        .find(|summary| Some(&summary.candidate.name) == outcome.winner.as_ref());
    let candidate = found.map(|summary| summary.candidate);
    let has_texts = |candidate: &Candidate| {
        candidate.slots.values().any(|value| matches!(value, SlotValue::Prompt(_) | SlotValue::Demos(_)))
    };
    candidate
        .filter(has_texts)
        .ok_or_else(|| usage(format!("{shown} has no winner with texts: name a finished run of `prompt`")))
}
