//! `rollout` in the service of a run on another machine.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{Receiver, UnboundedReceiver, unbounded_channel};

use super::source::{Given, read_stdin};
use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    registry::Registry,
    rollout::remote::{Setup, ToWorker, Worker, unable},
    tuner::Session,
};

/// How long it may take to end what is under way, and to say the last words.
const FAREWELL: Duration = Duration::from_secs(2);
/// Lines that are read ahead.
const AHEAD: usize = 1024;

/// Runs the rollouts that home asks for on standard input, and says to the file `home` what came of them. Standard output is
/// the user's: a workflow that prints does no harm.
pub(in crate::cli) fn work(home: &Path) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (out, lines) = unbounded_channel();
    let writer = OpenOptions::new().write(true).open(home).map_err(|error| {
        let message =
            format!("{} cannot be written: `--work-for` is for the engines that start it", home.display());
        Error::new(ErrorKind::Usage, message).with_source(error)
    })?;
    let writing = std::thread::spawn(move || write(writer, lines));
    let mut given = read_stdin(AHEAD);
    let done = runtime.block_on(async {
        let Some(setup) = setup(&mut given).await? else { return Ok(()) };
        let config = Config::parse(&setup.config, "the settings of the run", ".".into(), None, &[])?;
        let registry = Registry::builder().linked().entries(config.workflows()).build()?;
        let session = Session::prepare(&registry, &config)?;
        let worker = Worker::new(session.trade(), setup, out.clone());
        worker.serve(given).await
    });
    if let Err(error) = &done {
        // Home is gone: nobody is left to be told.
        out.send(unable(error)).ok();
    }
    drop(out);
    // Rollouts that are under way end here.
    runtime.shutdown_timeout(FAREWELL);
    let began = Instant::now();
    while !writing.is_finished() && began.elapsed() < FAREWELL {
        std::thread::sleep(FAREWELL / 100);
    }
    done.map(|()| ExitCode::SUCCESS)
}

/// What home says first; nothing where it says nothing at all.
async fn setup(given: &mut Receiver<Given>) -> Result<Option<Setup>> {
    let Some(first) = given.recv().await else { return Ok(None) };
    match ToWorker::read(first.as_ref())? {
        ToWorker::Setup(setup) => setup.checked().map(Some),
        _ => Err(Error::new(ErrorKind::Other, "home began without the settings of its run")),
    }
}

fn write(mut home: std::fs::File, mut lines: UnboundedReceiver<String>) {
    while let Some(mut line) = lines.blocking_recv() {
        line.push('\n');
        while let Ok(next) = lines.try_recv() {
            line += &next;
            line.push('\n');
        }
        if home.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}
