//! The trainer, on a thread of its own: dfdx's tape does not leave its thread, and a step must not hold up rollouts.

use std::{
    path::Path,
    sync::mpsc::{Sender, channel},
    thread,
};

use policy::{
    Params, PolicyConfig,
    adapter::LoraConfig,
    checkpoint::Checkpoint,
    device::{Cpu, DeviceKind, Precision},
    optimizer::UpdateKernels,
    tape::ForwardSettings,
    trainer::{Trainer, TrainerSettings, Training},
};
use tokio::sync::oneshot;

use super::{WeightsTuning, failed, policy};
use crate::error::{Error, ErrorKind, Result};

type Task = Box<dyn FnOnce(&mut dyn Training) + Send>;

/// A handle on the trainer. Dropping it ends its thread.
#[derive(Debug)]
pub(super) struct Learner {
    tasks: Sender<Task>,
}

/// Where a trainer begins.
#[derive(Clone, Debug)]
pub(super) struct Start {
    base: Params<Cpu>,
    device: DeviceKind,
    precision: Precision,
    plan: Plan,
}

/// What a trainer is told on any device.
#[derive(Clone, Debug)]
struct Plan {
    config: PolicyConfig,
    lora: Option<LoraConfig>,
    settings: TrainerSettings,
    needs_reference: bool,
    seed: u64,
}

impl Start {
    /// The model of `settings` as it lies on the disk.
    pub(super) fn load(settings: &WeightsTuning, seed: u64) -> Result<Self> {
        let load = || -> policy::Result<_> {
            let checkpoint = Checkpoint::open(settings.policy.directory())?;
            let base = Params::new(&Cpu::default(), checkpoint.config(), checkpoint.tensors()?)?;
            Ok((checkpoint.config().clone(), base))
        };
        let (config, base) = load().map_err(|error| failed("load the model to train", error))?;
        #[expect(clippy::cast_possible_truncation, reason = "the model computes in f32")]
        let trainer = TrainerSettings {
            temperature: settings.temperature as f32,
            forward: ForwardSettings { recompute: settings.recompute },
            optimizer: settings.optimizer,
            ..TrainerSettings::default()
        };
        let lora = settings.lora.clone();
        let needs_reference = settings.needs_reference();
        let plan = Plan { config, lora, settings: trainer, needs_reference, seed };
        let (device, precision) = (settings.device.into(), settings.precision.into());
        Ok(Self { base, device, precision, plan })
    }

    /// The weights that training begins with.
    pub(super) fn base(&self) -> &Params<Cpu> {
        &self.base
    }

    /// A trainer that has taken no step yet, or the one that was saved in `resumed`.
    fn training(self, resumed: Option<&Path>) -> policy::Result<Box<dyn Training>> {
        let Self { base, device, precision, plan } = self;
        match device {
            DeviceKind::Cpu => Ok(Box::new(plan.trainer(&Cpu::default(), base, resumed)?)),
            #[cfg(feature = "cuda")]
            DeviceKind::Cuda => {
                let device = policy::device::cuda(0)?;
                policy::device::set_precision(&device, precision)?;
                let base = Params::new(&device, &plan.config, base.to_tensors()?)?;
                Ok(Box::new(plan.trainer(&device, base, resumed)?))
            }
            #[cfg(not(feature = "cuda"))]
            DeviceKind::Cuda => {
                _ = precision;
                Err(policy::Error::new(policy::ErrorKind::Config, policy::device::WITHOUT_GPUS))
            }
        }
    }
}

impl Plan {
    fn trainer<D: UpdateKernels>(
        self,
        device: &D,
        base: Params<D>,
        resumed: Option<&Path>,
    ) -> policy::Result<Trainer<D>> {
        let Self { config, lora, settings, needs_reference, seed } = self;
        let reference = (needs_reference && lora.is_none()).then(|| base.clone());
        let mut trainer = match (lora, resumed) {
            (None, None) => Trainer::new(config, base, None, settings)?,
            (None, Some(directory)) => {
                let params = Params::new(device, &config, Checkpoint::open(directory)?.tensors()?)?;
                Trainer::new(config, params, None, settings)?
            }
            (Some(lora), None) => {
                let adapters = lora.init(&base, seed)?;
                Trainer::new(config, base, Some(adapters), settings)?
            }
            (Some(_), Some(directory)) => {
                let (_, adapters) = LoraConfig::load(directory.join(super::checkpoint::ADAPTER), &base)?;
                Trainer::new(config, base, Some(adapters), settings)?
            }
        };
        if let Some(directory) = resumed {
            trainer.resume(directory.join(super::checkpoint::OPTIMIZER))?;
        }
        if let Some(reference) = reference {
            trainer.refer_to(reference);
        }
        Ok(trainer)
    }
}

impl Learner {
    /// Starts the thread; `resumed` is a checkpoint to go on from.
    pub(super) async fn start(start: Start, resumed: Option<&Path>) -> Result<Self> {
        let resumed = resumed.map(Path::to_owned);
        let (tasks, inbox) = channel::<Task>();
        let (ready, made) = oneshot::channel();
        let work = move || match start.training(resumed.as_deref()) {
            Err(error) => _ = ready.send(Err(error)),
            Ok(mut trainer) => {
                _ = ready.send(Ok(()));
                inbox.iter().for_each(|task| task(&mut *trainer));
            }
        };
        thread::Builder::new().name("train".into()).spawn(work).map_err(|error| {
            Error::new(ErrorKind::Io, "the system granted no thread to the trainer").with_source(error)
        })?;
        made.await.map_err(|_| gone())?.map_err(|error| failed("begin training", error))?;
        Ok(Self { tasks })
    }

    /// Does `task` with the trainer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        doing: &str,
        task: impl FnOnce(&mut dyn Training) -> policy::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        // Nobody waits any more: nothing to tell.
        let task: Task = Box::new(move |trainer| _ = done.send(task(trainer)));
        self.tasks.send(task).map_err(|_| gone())?;
        result.await.map_err(|_| gone())?.map_err(|error| failed(doing, error))
    }

    /// The weights as an engine takes them: adapters folded in.
    pub(super) async fn weights(&self) -> Result<Params<Cpu>> {
        self.ask("read the trained weights", |trainer| trainer.weights()).await
    }
}

fn gone() -> Error {
    Error::new(
        ErrorKind::Other,
        "the trainer panicked: this is a bug; the last checkpoint is intact, continue with `resume`",
    )
}
