//! The driver: a Python process, and the lines that go to it and come from it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::Order;
use crate::{
    error::{Error, ErrorKind, Result},
    rollout::remote::carrier::Carrier,
};

/// The script, and the module that it imports from beside it.
const SCRIPT: (&str, &str) = ("ray-driver.py", include_str!("driver.py"));
const MODULE: (&str, &str) = ("ray_home.py", include_str!("home.py"));
const LOG_NAME: &str = "ray-driver.log";
/// So many lines of what it said are shown when it dies without a word.
const LAST_WORDS: usize = 5;
/// How long it may take to end its workers.
const FAREWELL: Duration = Duration::from_secs(20);

/// The driver, as it is told things.
#[derive(Debug)]
pub(super) struct Driver {
    /// Gone once it is to stop.
    out: Mutex<Option<UnboundedSender<String>>>,
    child: tokio::sync::Mutex<Child>,
    log: PathBuf,
}

/// What the driver says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum News {
    Connected { workers: usize, nodes: usize, cpus: f64, ray: String },
    Up { worker: u64, node: String },
    Lines { worker: u64, lines: Vec<String> },
    Lost { worker: u64, why: String },
    Fatal { message: String },
}

impl Driver {
    /// Writes the script into `directory` and starts it with `python`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no such Python.
    pub(super) fn start(python: &str, directory: &Path) -> Result<(Self, Said)> {
        let (script, log) = (directory.join(SCRIPT.0), directory.join(LOG_NAME));
        for (name, text) in [SCRIPT, MODULE] {
            fs::write(directory.join(name), text)?;
        }
        let complaints = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = Command::new(python);
        command.arg("-u").arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints);
        // Ctrl-C is for this program alone, which then stops it in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.kill_on_drop(true).spawn().map_err(|error| {
            let message = format!(
                "`{python}` cannot be started: name a Python that has Ray as ray.python in tuner.toml"
            );
            Error::new(ErrorKind::Config, message).with_source(error)
        })?;
        let piped = || Error::new(ErrorKind::Io, "the driver has no pipes");
        let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or_else(piped)?;
        let (out, lines) = unbounded_channel();
        tokio::spawn(write(input, lines));
        let said = Said { lines: BufReader::new(output).lines(), log: log.clone() };
        Ok((Self { out: Mutex::new(Some(out)), child: tokio::sync::Mutex::new(child), log }, said))
    }

    /// Where it is written what it and Ray say.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    pub(super) fn say(&self, order: &Order) {
        let Ok(line) = serde_json::to_string(order) else {
            return tracing::error!("an order cannot be written as JSON");
        };
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A driver that is gone is noticed where its words are read.
        out.as_ref().map(|out| out.send(line).ok());
    }

    /// Lets it end its workers and itself.
    pub(super) async fn stop(&self) {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut child = self.child.lock().await;
        if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
            tracing::warn!("the driver does not end and is killed");
            child.kill().await.ok();
        }
    }
}

impl Carrier for Driver {
    fn send(&self, worker: u64, line: String) {
        self.say(&Order::Send { worker, line });
    }

    #[cfg(feature = "embedded")]
    fn share(&self, name: &str, files: Vec<crate::rollout::remote::File>, forget: Option<String>) {
        self.say(&Order::Share { name: name.to_owned(), files, forget });
    }

    fn end(&self, worker: u64) {
        self.say(&Order::End { worker });
    }
}

async fn write(mut input: ChildStdin, mut lines: UnboundedReceiver<String>) {
    let mut text = String::new();
    while let Some(line) = lines.recv().await {
        text.clear();
        text += &line;
        text.push('\n');
        // What has piled up goes in one piece.
        while let Ok(line) = lines.try_recv() {
            text += &line;
            text.push('\n');
        }
        if input.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What the driver says, as it comes.
#[derive(Debug)]
pub(super) struct Said {
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Said {
    /// Waits until it has joined the cluster; how many workers it starts.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the reason why it cannot.
    pub(super) async fn connected(&mut self) -> Result<usize> {
        loop {
            if let News::Connected { workers, nodes, cpus, ray } = self.next().await? {
                tracing::info!(workers, nodes, cpus, ray, "joined the Ray cluster");
                return Ok(workers);
            }
        }
    }

    /// What it says next.
    ///
    /// # Errors
    /// When it ends; [`ErrorKind::Config`] where it says why.
    pub(super) async fn next(&mut self) -> Result<News> {
        let Some(line) = self.lines.next_line().await? else {
            let message = format!(
                "the Ray driver ended{}; the whole of what it said is in {}. Continue with `resume`",
                self.last_words(),
                self.log.display()
            );
            return Err(Error::new(ErrorKind::Other, message));
        };
        let news = serde_json::from_str(&line).map_err(|error| {
            let message = format!("the Ray driver said what cannot be understood: {line:.200}");
            Error::new(ErrorKind::Other, message).with_source(error)
        })?;
        match news {
            News::Fatal { message } => Err(Error::new(ErrorKind::Config, message)),
            news => Ok(news),
        }
    }

    fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join(" | ");
        if last.is_empty() { String::new() } else { format!(" and said last: {last}") }
    }
}
