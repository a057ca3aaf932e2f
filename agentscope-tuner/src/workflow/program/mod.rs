//! Agents that are programs of their own, in any language.

mod child;
mod configured;
mod environment;

use std::{
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
    time::Duration,
};

pub use child::kill_programs;
pub(crate) use configured::COMMAND;
pub use configured::{ProgramSpec, program_entry};
use serde::{Serialize, de::DeserializeOwned};
use tokio::process::Command;

use super::ModelEndpoint;
use crate::error::{Error, ErrorKind, Limit, Result};
use child::{Finished, finish};

/// The environment variable with the task; left out where the task is longer than [`MOST_IN_ENVIRONMENT`].
const TASK: &str = "TASK";
/// Longest text that goes into a variable, in bytes: Linux takes 128 KiB for name and value.
const MOST_IN_ENVIRONMENT: usize = 120 << 10;
/// Sets the limit of address space, in KiB, for itself, and then becomes the program. A shell does it because the limit has
/// to be set between fork and exec, which Rust calls unsafe.
const LIMITED: &str = r#"ulimit -v "$1" && shift && exec "$@""#;

/// A program that answers tasks: an agent written in another language, or against another client.
///
/// It reads the task as one JSON value on standard input, or in the variable `TASK`, asks the models that its environment
/// names, and writes its answer to standard output. What it writes to standard error is shown when it fails.
///
/// ```no_run
/// use agentscope_tuner::prelude::*;
/// use agentscope_tuner::workflow::Program;
///
/// /// Solves a problem with an agent in Python.
/// #[workflow]
/// async fn solve(
///     task: String,
///     model: ModelEndpoint,
///     #[prompt("You are a helpful math assistant.")] system: Prompt,
/// ) -> Result<String> {
///     Program::new("python3").arg("agent.py").model(&model).prompt("SYSTEM", &system).ask(&task).await
/// }
/// ```
///
/// It runs in a process group of its own, which is killed when it ends, when it takes too long, and when the rollout is
/// cut or stopped: children that it left behind die with it, unless they moved to another group. It sees the environment of
/// this program without its secrets: variables whose names end in `_KEY`, `_TOKEN`, `_SECRET` or `_PASSWORD` are passed
/// only on request. That keeps an agent from calling models past the gateway by mistake; it is no sandbox.
#[derive(Clone)]
pub struct Program {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    passed: Vec<String>,
    directory: Option<PathBuf>,
    endpoints: Vec<ModelEndpoint>,
    time: Option<Duration>,
    memory: Option<u64>,
}

impl Program {
    /// The program of this name, found in `PATH`, or at this path.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            passed: Vec::new(),
            directory: None,
            endpoints: Vec::new(),
            time: None,
            memory: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Gives it a model, in the variables that clients read: `OPENAI_BASE_URL`, `OPENAI_API_KEY`, `OPENAI_MODEL`, and
    /// `ANTHROPIC_BASE_URL`, `ANTHROPIC_API_KEY`, `ANTHROPIC_MODEL`.
    #[must_use]
    pub fn model(self, model: &ModelEndpoint) -> Self {
        self.model_as("OPENAI", model)
            .env("ANTHROPIC_BASE_URL", model.anthropic_base_url())
            .env("ANTHROPIC_API_KEY", model.api_key())
            .env("ANTHROPIC_MODEL", model.model())
    }

    /// Gives it another model, in the variables `NAME_BASE_URL`, `NAME_API_KEY` and `NAME_MODEL`.
    #[must_use]
    pub fn model_as(mut self, name: &str, model: &ModelEndpoint) -> Self {
        self.endpoints.push(model.clone());
        self.env(format!("{name}_BASE_URL"), model.base_url())
            .env(format!("{name}_API_KEY"), model.api_key())
            .env(format!("{name}_MODEL"), model.model())
    }

    /// Gives it a text, such as a prompt, in the variable `name`.
    #[must_use]
    pub fn prompt(self, name: impl Into<OsString>, text: &str) -> Self {
        self.env(name, text)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Lets it see a variable of this program that looks like a secret.
    #[must_use]
    pub fn pass(mut self, name: impl Into<String>) -> Self {
        self.passed.push(name.into());
        self
    }

    /// Sets its working directory; that of this program when not set.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets how long it may run, waiting included. The time limit of the rollout holds besides, and does not count waiting
    /// for a free place at an endpoint.
    #[must_use]
    pub fn time_limit(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets the address space that it and each of its children may use, in bytes: `ulimit -v` of the shell, which Linux has and
    /// macOS refuses. Node and Go reserve much more than they use: give those their own limits by arguments.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Runs it on `task`; its answer is what it writes to standard output, without the last line break.
    ///
    /// # Errors
    /// [`ErrorKind::Workflow`] when it exits with another code than 0, with the end of its standard error, or answers
    /// more than 4 MiB or no UTF-8; [`ErrorKind::Limit`] when its time is up; [`ErrorKind::Config`] when it cannot be
    /// started.
    pub async fn ask(&self, task: &(impl Serialize + Sync)) -> Result<String> {
        let task = serde_json::to_string(task).map_err(|error| {
            Error::new(ErrorKind::Workflow, "the task cannot be written as JSON").with_source(error)
        })?;
        let command = self.command(&task)?;
        let run = finish(command, self.to_string(), task);
        let finished = match self.time {
            None => run.await?,
            Some(time) => tokio::time::timeout(time, run).await.map_err(|_| {
                let message = format!("`{self}` took longer than {time:?} and was killed");
                Error::new(ErrorKind::Limit(Limit::Time), message)
            })??,
        };
        self.answer(finished)
    }

    /// Runs it on `task`; its answer is a JSON value on standard output.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); [`ErrorKind::Workflow`] names the field where the answer does not fit `T`.
    pub async fn structured<T: DeserializeOwned>(&self, task: &(impl Serialize + Sync)) -> Result<T> {
        let answer = self.ask(task).await?;
        let mut json = serde_json::Deserializer::from_str(&answer);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let (path, inner) = (error.path().to_string(), error.inner());
            let message = format!("the answer of `{self}` does not fit at `{path}`: {inner}");
            Error::new(ErrorKind::Workflow, message)
        })
    }

    fn command(&self, task: &str) -> Result<Command> {
        let mut command = match self.memory {
            None => Command::new(&self.program),
            Some(_) if !cfg!(unix) => {
                let message = format!("the memory of `{self}` can be limited on Unix only: remove the limit");
                return Err(Error::new(ErrorKind::Config, message));
            }
            Some(bytes) => {
                let mut shell = Command::new("sh");
                let kib = bytes.div_ceil(1 << 10).to_string();
                shell.args(["-c", LIMITED, "sh", &kib]).arg(&self.program);
                shell
            }
        };
        command.args(&self.args);
        environment::prepare(&mut command, &self.passed);
        if task.len() <= MOST_IN_ENVIRONMENT {
            command.env(TASK, task);
        } else {
            command.env_remove(TASK);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        Ok(command)
    }

    fn answer(&self, finished: Finished) -> Result<String> {
        let Finished { status, answer, complaints } = finished;
        let failed = |message: String| Err(Error::new(ErrorKind::Workflow, message));
        if !status.success() {
            let complaints = self.without_keys(complaints);
            let said = if complaints.is_empty() { "nothing" } else { &complaints };
            return failed(format!("`{self}` failed ({status}); its standard error ends: {said}"));
        }
        match String::from_utf8(answer) {
            Ok(answer) => Ok(self.without_keys(answer.trim_end_matches(['\n', '\r']).to_owned())),
            Err(_) => failed(format!("`{self}` answered with bytes that are no UTF-8")),
        }
    }

    /// A program may say what it likes; keys are not kept for it.
    fn without_keys(&self, text: String) -> String {
        let hide = |text: String, endpoint: &ModelEndpoint| text.replace(endpoint.api_key(), "[key]");
        self.endpoints.iter().fold(text, hide)
    }
}

/// The command line, as a person would type it.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program.to_string_lossy())?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", arg.to_string_lossy()))
    }
}

/// Without the environment, which holds keys.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("command", &self.to_string())
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
