//! Checkpoints of a run: whole directories that appear at once, and the one that is best so far.
//!
//! ```text
//! checkpoints/step-000040/            a Hugging Face model (adapters merged)
//! checkpoints/step-000040/adapter/    the adapters in PEFT's layout, where adapters are trained
//! checkpoints/step-000040/trainer/    optimizer.safetensors, state.json
//! best -> checkpoints/step-000040
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use policy::checkpoint::{Checkpoint, SaveOptions};

use super::{WeightsTuning, learner::Learner, policy, state::State};
use crate::error::{Error, ErrorKind, Result};

/// Adapters within a checkpoint.
pub(super) const ADAPTER: &str = "adapter";
/// The optimiser's state within a checkpoint.
pub(super) const OPTIMIZER: &str = "trainer/optimizer.safetensors";
const STATE: &str = "trainer/state.json";
const BEST: &str = "best";

/// The checkpoints of one run.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    run: PathBuf,
}

impl Checkpoints {
    pub(super) fn of(run: &Path) -> Self {
        Self { run: run.to_owned() }
    }

    /// Where the checkpoint of `step` lies.
    pub(super) fn at(&self, step: u64) -> PathBuf {
        self.directory().join(format!("step-{step:06}"))
    }

    /// The newest checkpoint and what was known then.
    pub(super) fn newest(&self) -> Result<Option<(PathBuf, State)>> {
        let Some(newest) = self.all().pop() else { return Ok(None) };
        let path = newest.join(STATE);
        let state = fs::read(&path).map_err(|error| io("read", &path, error))?;
        let state = serde_json::from_slice(&state).map_err(|error| {
            let message =
                format!("{} is damaged: remove its checkpoint, the one before is then used", path.display());
            Error::new(ErrorKind::Store, message).with_source(error)
        })?;
        Ok(Some((newest, state)))
    }

    /// Saves the trainer and `state` under its step, and forgets all checkpoints but the best and this one.
    pub(super) async fn save(
        &self,
        settings: &WeightsTuning,
        learner: &Learner,
        state: &State,
    ) -> Result<()> {
        let place = self.at(state.version());
        let directory = self.directory();
        fs::create_dir_all(&directory).map_err(|error| io("make", &directory, error))?;
        let unfinished = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(&directory)
            .map_err(|error| io("write to", &directory, error))?;
        let target = unfinished.path().to_owned();
        let base = settings.policy.directory().to_owned();
        let lora = settings.lora.clone();
        // Whoever loads the adapters may stand elsewhere.
        let name = fs::canonicalize(&base).unwrap_or_else(|_| base.clone()).to_string_lossy().into_owned();
        let weights = learner.weights().await?;
        let write = move |trainer: &mut policy::trainer::Trainer<policy::device::Cpu>| -> policy::Result<()> {
            Checkpoint::open(&base)?.save(&target, &weights.to_tensors()?, &SaveOptions::default())?;
            if let (Some(config), Some(adapters)) = (&lora, trainer.lora()) {
                config.save(adapters, target.join(ADAPTER), Some(&name))?;
            }
            let optimizer = target.join(OPTIMIZER);
            fs::create_dir_all(optimizer.parent().unwrap_or(&target)).map_err(|error| {
                policy::Error::new(policy::ErrorKind::Io, "cannot make a directory for the optimiser")
                    .with_source(error)
            })?;
            trainer.optimizer().save(optimizer)
        };
        learner.ask("save a checkpoint (the last good one is intact)", write).await?;
        let json = serde_json::to_vec_pretty(state)?;
        fs::write(unfinished.path().join(STATE), json).map_err(|error| io("write", &place, error))?;
        self.publish(unfinished, &place)?;
        self.forget(state)
    }

    /// Points `best` to the checkpoint of `step`.
    pub(super) fn crown(&self, step: u64) -> Result<()> {
        let target = self.at(step);
        let relative = target.strip_prefix(&self.run).unwrap_or(&target);
        link(relative, &self.run.join(BEST)).map_err(|error| io("point `best` to", &target, error))
    }

    fn publish(&self, unfinished: tempfile::TempDir, place: &Path) -> Result<()> {
        // A step that is taken again, after an older checkpoint was removed by hand, replaces what is there.
        if place.exists() {
            fs::remove_dir_all(place).map_err(|error| io("replace", place, error))?;
        }
        fs::rename(unfinished.keep(), place).map_err(|error| io("write", place, error))
    }

    fn forget(&self, state: &State) -> Result<()> {
        let kept = [Some(state.version()), state.best().map(|best| best.step)]
            .map(|step| step.map(|step| self.at(step)));
        for old in self.all().into_iter().filter(|path| !kept.contains(&Some(path.clone()))) {
            fs::remove_dir_all(&old).map_err(|error| io("remove", &old, error))?;
        }
        Ok(())
    }

    /// Oldest first.
    fn all(&self) -> Vec<PathBuf> {
        let entries =
            fs::read_dir(self.directory()).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_checkpoint =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("step-"));
        let mut all: Vec<_> = entries.filter(is_checkpoint).collect();
        all.sort();
        all
    }

    fn directory(&self) -> PathBuf {
        self.run.join("checkpoints")
    }
}

#[cfg(unix)]
fn link(target: &Path, link: &Path) -> std::io::Result<()> {
    let next = link.with_extension("next");
    // Left behind by a process that was killed between the two calls below.
    _ = fs::remove_file(&next);
    std::os::unix::fs::symlink(target, &next)?;
    fs::rename(&next, link)
}

#[cfg(not(unix))]
fn link(target: &Path, link: &Path) -> std::io::Result<()> {
    fs::write(link.with_extension("txt"), target.to_string_lossy().as_bytes())
}

fn io(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {doing} {}", path.display())).with_source(error)
}
