//! A running program with all its children, which do not outlive it.

use std::{
    collections::BTreeSet,
    pin::pin,
    process::{ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
};

use crate::error::{Error, ErrorKind, Result};

/// Longest answer, in bytes.
const MOST_ANSWER: usize = 4 << 20;
/// So much of the end of standard error is kept, in bytes.
const MOST_COMPLAINTS: usize = 4 << 10;
/// How long output is waited for once all who could write it are dead.
const DRAIN: Duration = Duration::from_secs(1);

/// Groups that are running, so that all can be killed where nothing is dropped any more.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A program that came to its end.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// All that it wrote to standard output.
    pub(super) answer: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub(super) complaints: String,
}

/// Runs `command`, shown as `name`, with `input` to its end. Dropping this kills it.
///
/// # Errors
/// [`ErrorKind::Config`] when it cannot be started, [`ErrorKind::Workflow`] when it answers too much.
pub(super) async fn finish(mut command: Command, name: String, input: String) -> Result<Finished> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| {
        let message = format!("`{name}` cannot be started: install it, or correct the command");
        Error::new(ErrorKind::Config, message).with_source(error)
    })?;
    let group = Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut answer, mut complaints) = (Vec::new(), Vec::new());
    let (status, fits) = {
        let talk = async {
            tokio::join!(feed(stdin, input), fill(stdout, &mut answer), tail(stderr, &mut complaints)).1
        };
        let mut talk = pin!(talk);
        let mut talked = None;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                fits = &mut talk, if talked.is_none() => talked = Some(fits),
            }
            if talked == Some(false) {
                break Ok(ExitStatus::default());
            }
        };
        // Children that it left behind hold its pipes open.
        drop(group);
        let fits = match talked {
            Some(fits) => fits,
            None => tokio::time::timeout(DRAIN, talk).await.unwrap_or(true),
        };
        (status?, fits)
    };
    if !fits {
        let message = format!("`{name}` answered more than {} MiB and was killed", MOST_ANSWER >> 20);
        return Err(Error::new(ErrorKind::Workflow, message));
    }
    let complaints = String::from_utf8_lossy(&complaints).trim().to_owned();
    Ok(Finished { status, answer, complaints })
}

/// A program may end without having read its task: that is its own affair.
async fn feed(stdin: Option<ChildStdin>, input: String) {
    if let Some(mut stdin) = stdin {
        _ = stdin.write_all(input.as_bytes()).await;
    }
}

/// Reads all; false when it is too much.
async fn fill(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) -> bool {
    let Some(from) = from else { return true };
    _ = from.take(MOST_ANSWER as u64 + 1).read_to_end(to).await;
    to.len() <= MOST_ANSWER
}

/// Reads all, and keeps the end.
async fn tail(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut piece = [0; MOST_COMPLAINTS];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        to.extend_from_slice(&piece[..read]);
        to.drain(..to.len().saturating_sub(MOST_COMPLAINTS));
    }
}

/// A program and its children, killed when this is dropped.
#[derive(Debug)]
struct Group(Option<i32>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        running().extend(id);
        Self(id)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            kill(id);
            running().remove(&id);
        }
    }
}

/// Kills every program that runs, with its children: for an exit that drops nothing.
pub fn kill_all() {
    running().iter().copied().for_each(kill);
}

fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn kill(group: i32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = Pid::from_raw(group) {
        // A group of which nobody is left cannot be killed, and need not be.
        _ = kill_process_group(group, Signal::KILL);
    }
}

/// Elsewhere the runtime kills the program itself when its handle is dropped.
#[cfg(not(unix))]
fn kill(_: i32) {}
