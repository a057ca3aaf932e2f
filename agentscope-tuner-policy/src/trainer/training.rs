//! A trainer whose device is chosen when the program runs.

use std::{any::Any, path::Path};

use dfdx::tensor::Cpu;

use super::{Example, PolicyReport, PolicyUpdate, Preference, PreferenceReport, SupervisedReport, Trainer};
use crate::{
    adapter::{LoraConfig, merge},
    error::Result,
    loss::DpoSettings,
    optimizer::UpdateKernels,
    params::Params,
    trajectory::Trajectory,
};

/// What a training loop asks of a trainer, whatever device that computes on.
pub trait Training {
    /// Learns from rollouts: [`Trainer::learn`].
    ///
    /// # Errors
    /// As there.
    fn learn(&mut self, examples: &[Example], update: &PolicyUpdate, rate: f64) -> Result<PolicyReport>;

    /// Learns from rows to imitate: [`Trainer::learn_supervised`].
    ///
    /// # Errors
    /// As there.
    fn learn_supervised(&mut self, rows: &[Trajectory], budget: usize, rate: f64)
    -> Result<SupervisedReport>;

    /// Learns from judged pairs: [`Trainer::learn_preferences`].
    ///
    /// # Errors
    /// As there.
    fn learn_preferences(
        &mut self,
        pairs: &[Preference],
        settings: &DpoSettings,
        budget: usize,
        rate: f64,
    ) -> Result<PreferenceReport>;

    /// The weights as an engine takes them, on the CPU: adapters folded in.
    ///
    /// # Errors
    /// When the device fails.
    fn weights(&self) -> Result<Params<Cpu>>;

    /// Writes the adapters, where there are any, as a directory that PEFT loads onto the model called `base`.
    ///
    /// # Errors
    /// As [`LoraConfig::save`].
    fn save_adapters(&self, config: &LoraConfig, directory: &Path, base: &str) -> Result<()>;

    /// Writes the optimiser's state, for [`Trainer::resume`].
    ///
    /// # Errors
    /// When the device or the operating system fails.
    fn save_optimizer(&self, path: &Path) -> Result<()>;
}

impl<D: UpdateKernels> Training for Trainer<D> {
    fn learn(&mut self, examples: &[Example], update: &PolicyUpdate, rate: f64) -> Result<PolicyReport> {
        Trainer::learn(self, examples, update, rate)
    }

    fn learn_supervised(
        &mut self,
        rows: &[Trajectory],
        budget: usize,
        rate: f64,
    ) -> Result<SupervisedReport> {
        Trainer::learn_supervised(self, rows, budget, rate)
    }

    fn learn_preferences(
        &mut self,
        pairs: &[Preference],
        settings: &DpoSettings,
        budget: usize,
        rate: f64,
    ) -> Result<PreferenceReport> {
        Trainer::learn_preferences(self, pairs, settings, budget, rate)
    }

    fn weights(&self) -> Result<Params<Cpu>> {
        let params: &dyn Any = self.params();
        match (self.lora(), params.downcast_ref::<Params<Cpu>>()) {
            // Nothing is copied: a step copies what it changes while somebody holds it.
            (None, Some(params)) => Ok(params.clone()),
            (None, None) => Params::new(&Cpu::default(), self.config(), self.params().to_tensors()?),
            (Some(lora), _) => Params::new(&Cpu::default(), self.config(), merge(self.params(), lora)?),
        }
    }

    fn save_adapters(&self, config: &LoraConfig, directory: &Path, base: &str) -> Result<()> {
        self.lora().map_or(Ok(()), |adapters| config.save(adapters, directory, Some(base)))
    }

    fn save_optimizer(&self, path: &Path) -> Result<()> {
        self.optimizer().save(path)
    }
}
