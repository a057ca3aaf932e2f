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
    io::Write as _,
    path::{Path, PathBuf},
};

use policy::{
    Params,
    checkpoint::{Checkpoint, SaveOptions},
    device::Cpu,
    trainer::Training,
};

use super::{
    WeightsTuning, failed,
    files::{UNFINISHED, io, publish, unfinished},
    learner::Learner,
    policy,
    state::State,
};
use crate::error::{Error, ErrorKind, Result};

/// Adapters within a checkpoint.
pub(super) const ADAPTER: &str = "adapter";
/// The optimiser's state within a checkpoint.
pub(super) const OPTIMIZER: &str = "trainer/optimizer.safetensors";
const TRAINER: &str = "trainer";
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

    /// Where the checkpoint of this version lies.
    pub(super) fn at(&self, version: u64) -> PathBuf {
        self.directory().join(format!("step-{version:06}"))
    }

    /// The weights of the checkpoint of this version, adapters folded in.
    pub(super) fn weights(&self, version: u64) -> Result<Params<Cpu>> {
        let load = || {
            let checkpoint = Checkpoint::open(self.at(version))?;
            Params::new(&Cpu::default(), checkpoint.config(), checkpoint.tensors()?)
        };
        load().map_err(|error| failed("load the best checkpoint", error))
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

    /// Saves the trainer and `state` under its version, points `best` to the best one, and only then forgets the others.
    pub(super) async fn save(
        &self,
        settings: &WeightsTuning,
        learner: &Learner,
        state: &State,
    ) -> Result<()> {
        let place = self.at(state.version());
        let written = |error| io("write", &place, error);
        // A version has the same weights whenever it is saved; only what is known of it may have grown.
        if place.is_dir() {
            write_state(&place, state).map_err(written)?;
        } else {
            let begun = unfinished(&self.directory())?;
            write_weights(settings, learner, begun.path()).await?;
            write_state(begun.path(), state).map_err(written)?;
            publish(begun, &place)?;
        }
        self.crown(state)?;
        self.forget(state)
    }

    /// Points `best` to the best checkpoint, once something was measured. A process that was killed may have left it
    /// pointing to the one before.
    pub(super) fn crown(&self, state: &State) -> Result<()> {
        let Some(best) = state.best() else { return Ok(()) };
        let target = self.at(best.version);
        let relative = target.strip_prefix(&self.run).unwrap_or(&target);
        link(relative, &self.run.join(BEST)).map_err(|error| io("point `best` to", &target, error))
    }

    /// Removes what a killed process was about to write.
    pub(super) fn sweep(&self) -> Result<()> {
        let begun = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
        };
        self.entries()
            .filter(begun)
            .try_for_each(|path| fs::remove_dir_all(&path).map_err(|error| io("remove", &path, error)))
    }

    fn forget(&self, state: &State) -> Result<()> {
        let kept = [Some(state.version()), state.best().map(|best| best.version)]
            .map(|step| step.map(|step| self.at(step)));
        for old in self.all().into_iter().filter(|path| !kept.contains(&Some(path.clone()))) {
            fs::remove_dir_all(&old).map_err(|error| io("remove", &old, error))?;
        }
        Ok(())
    }

    /// Oldest first.
    fn all(&self) -> Vec<PathBuf> {
        let is_checkpoint =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("step-"));
        let mut all: Vec<_> = self.entries().filter(is_checkpoint).collect();
        all.sort();
        all
    }

    fn entries(&self) -> impl Iterator<Item = PathBuf> + use<> {
        fs::read_dir(self.directory()).into_iter().flatten().flatten().map(|entry| entry.path())
    }

    fn directory(&self) -> PathBuf {
        self.run.join("checkpoints")
    }
}

/// The model, its adapters and the optimiser's state.
async fn write_weights(settings: &WeightsTuning, learner: &Learner, target: &Path) -> Result<()> {
    let (base, target) = (settings.policy.directory().to_owned(), target.to_owned());
    let lora = settings.lora.clone();
    // Whoever loads the adapters may stand elsewhere.
    let name = fs::canonicalize(&base).unwrap_or_else(|_| base.clone()).to_string_lossy().into_owned();
    let weights = learner.weights().await?;
    fs::create_dir_all(target.join(TRAINER)).map_err(|error| io("make", &target, error))?;
    let write = move |trainer: &mut dyn Training| {
        Checkpoint::open(&base)?.save(&target, &weights.to_tensors()?, &SaveOptions::default())?;
        if let Some(config) = &lora {
            trainer.save_adapters(config, &target.join(ADAPTER), &name)?;
        }
        trainer.save_optimizer(&target.join(OPTIMIZER))
    };
    learner.ask("save a checkpoint (the last one is intact: mend the cause, such as a full disk, and continue with `resume`)", write).await
}

/// Whole or not at all, and on the disk before its checkpoint gets a name.
fn write_state(checkpoint: &Path, state: &State) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(checkpoint.join(TRAINER))?;
    file.write_all(&serde_json::to_vec_pretty(state)?)?;
    file.as_file().sync_all()?;
    file.persist(checkpoint.join(STATE))?;
    Ok(())
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
