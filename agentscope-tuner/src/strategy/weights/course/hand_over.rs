//! The weights that the next rollouts are sampled by, given to whoever samples them.

use std::{fs, path::Path};

use policy::{
    Params,
    checkpoint::{Checkpoint, SaveOptions},
    device::Cpu,
};

use super::{
    super::{
        checkpoint::{ADAPTER, io},
        failed, policy,
        sampler::{self, Sampler},
    },
    Course,
};
use crate::error::Result;

impl Course<'_> {
    /// Gives the weights that training began with.
    pub(super) async fn give_base(&mut self) -> Result<()> {
        match &self.settings.sampler {
            None => self.settings.policy.update(&self.base).await,
            // Version 0 is the model that the server serves without an adapter.
            Some(_) if self.settings.lora.is_some() => Ok(()),
            Some(sampler) => self.give_whole(sampler, &self.base).await,
        }
    }

    /// Gives those that the trainer has now.
    pub(super) async fn swap(&mut self) -> Result<()> {
        let settings = self.settings;
        let (Some(sampler), version) = (&settings.sampler, self.state.version()) else {
            return settings.policy.update(&self.learner.weights().await?).await;
        };
        let Some(lora) = settings.lora.clone() else {
            return self.give_whole(sampler, &self.learner.weights().await?).await;
        };
        let base = settings.policy.directory().to_string_lossy().into_owned();
        let target = self.room(sampler, version)?;
        let write =
            move |trainer: &mut dyn policy::trainer::Training| trainer.save_adapters(&lora, &target, &base);
        self.learner.ask("write the adapters for the sampler", write).await?;
        self.give_adapter(sampler, version).await
    }

    /// Gives those of a checkpoint.
    pub(super) async fn give_kept(&mut self, version: u64) -> Result<()> {
        let settings = self.settings;
        let kept = self.checkpoints.at(version);
        match &settings.sampler {
            None => settings.policy.update(&weights_in(&kept)?).await,
            Some(sampler) if settings.lora.is_some() => {
                let target = self.room(sampler, version)?;
                copy(&kept.join(ADAPTER), &target)
                    .map_err(|error| io("copy an adapter to", &target, error))?;
                self.give_adapter(sampler, version).await
            }
            Some(sampler) => self.give_whole(sampler, &weights_in(&kept)?).await,
        }
    }

    /// Lets the server forget the last adapter: a run leaves nothing behind.
    pub(super) async fn take_back(&mut self) {
        if let (Some(name), Some(sampler)) = (self.served.take(), &self.settings.sampler) {
            self.forget(sampler, &name).await;
        }
    }

    /// A new directory for the adapter of this version.
    fn room(&self, sampler: &Sampler, version: u64) -> Result<std::path::PathBuf> {
        let run = self.inputs.directory;
        let room = sampler.directory(run).join(sampler::adapter(run, version));
        fs::create_dir_all(&room).map_err(|error| io("make", &room, error))?;
        Ok(room)
    }

    /// Serves the adapter that was written for this version, and the one before no more.
    async fn give_adapter(&mut self, sampler: &Sampler, version: u64) -> Result<()> {
        let run = self.inputs.directory;
        let name = sampler::adapter(run, version);
        if self.served.as_ref() == Some(&name) {
            return Ok(());
        }
        sampler.server.load_adapter(&name, &sampler.seen(&sampler.directory(run), &name)).await?;
        if let Some(old) = self.served.replace(name) {
            self.forget(sampler, &old).await;
        }
        Ok(())
    }

    async fn forget(&self, sampler: &Sampler, name: &str) {
        if let Err(error) = sampler.server.unload_adapter(name).await {
            tracing::warn!(
                name,
                error = error.chain(),
                "the server keeps an adapter that nobody asks for any more"
            );
        }
        let directory = sampler.directory(self.inputs.directory).join(name);
        if let Err(error) = fs::remove_dir_all(&directory) {
            tracing::warn!(directory = %directory.display(), %error, "an adapter was not removed");
        }
    }

    async fn give_whole(&self, sampler: &Sampler, params: &Params<Cpu>) -> Result<()> {
        let directory = sampler.directory(self.inputs.directory);
        let write = || {
            let model = Checkpoint::open(self.settings.policy.directory())?;
            model.save(&directory, &params.to_tensors()?, &SaveOptions::default())
        };
        write().map_err(|error| failed("write the weights for the sampler", error))?;
        sampler.server.reload().await
    }
}

fn weights_in(checkpoint: &Path) -> Result<Params<Cpu>> {
    let load = || {
        let checkpoint = Checkpoint::open(checkpoint)?;
        Params::new(&Cpu::default(), checkpoint.config(), checkpoint.tensors()?)
    };
    load().map_err(|error| failed("load the best checkpoint", error))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
