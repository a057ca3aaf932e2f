//! The verbs that run a strategy: over configured rows, kept in a run directory.

mod drive;
mod several;
mod share;

use std::{path::Path, process::ExitCode};

use drive::Drive;
pub(super) use drive::stop_when;
pub(super) use several::{check_all, start_all, workflows};

use super::{args::Common, command::Command};
use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    registry::Registry,
    rollout::Store,
    tuner::{CONFIG, DIRECTORY, RunDir, Session, configuration},
};

/// Keys of the store's facts.
const COMMAND: &str = "command";
const LIMIT: &str = "limit";

/// Begins a new run.
pub(super) fn start(
    registry: &Registry,
    config: &Config,
    common: &Common,
    command: &Command,
) -> Result<ExitCode> {
    // Everything that can be wrong is found before a directory is made.
    let drive = Drive::prepare(registry, config, common, command)?;
    let dir = RunDir::create(&Session::runs(config), command.verb())?;
    let store = Store::open(dir.store())?;
    remember(&store, config, common)?;
    remember_command(&store, command)?;
    let done = drive.run(&dir, store)?;
    done.show(common.format());
    Ok(done.exit_code(&dir))
}

/// Continues the run in `dir`.
pub(super) fn proceed(common: &Common, dir: &RunDir) -> Result<ExitCode> {
    let store = Store::open(dir.store())?;
    let common = &Common { limit: fact(&store, dir, LIMIT)?.parse().ok(), ..common.clone() };
    if let Some(parts) = several::parts(&store)? {
        return several::proceed(common, dir, &store, &parts);
    }
    let command: Command = serde_json::from_str(&fact(&store, dir, COMMAND)?).map_err(|error| {
        Error::new(ErrorKind::Store, "the run's command cannot be read").with_source(error)
    })?;
    let config = configuration(&store, dir.path(), &common.overrides())?;
    let registry = Registry::builder().linked().entries(config.workflows()).build()?;
    let done = Drive::prepare(&registry, &config, common, &command)?.run(dir, store)?;
    done.show(common.format());
    Ok(done.exit_code(dir))
}

fn fact(store: &Store, dir: &RunDir, key: &str) -> Result<String> {
    store.meta(key)?.ok_or_else(|| {
        let message = format!("{} was killed before it began: start it again", dir.path().display());
        Error::new(ErrorKind::Store, message)
    })
}

/// Keeps what the run was begun with, but its command, which comes last: a run that has it has all.
fn remember(store: &Store, config: &Config, common: &Common) -> Result<()> {
    let directory = std::path::absolute(&config.directory).unwrap_or_else(|_| config.directory.clone());
    let directory = if config.directory == Path::new("") { std::env::current_dir()? } else { directory };
    store.put_meta(CONFIG, &config.snapshot)?;
    store.put_meta(DIRECTORY, &directory.to_string_lossy())?;
    store.put_meta(LIMIT, &common.limit.map(|limit| limit.to_string()).unwrap_or_default())
}

fn remember_command(store: &Store, command: &Command) -> Result<()> {
    let json = serde_json::to_string(command)
        .map_err(|error| Error::new(ErrorKind::Store, "the command cannot be kept").with_source(error))?;
    store.put_meta(COMMAND, &json)?;
    store.flush_blocking()
}
