//! How large an engine is.

use crate::{
    config::PolicyConfig,
    device::{DeviceKind, Precision},
    engine::{
        model::{BLOCK, Capacity},
        scheduler::StepLimits,
    },
    error::{Error, ErrorKind, Result},
};

/// How large an engine is; what is left out is chosen from the model and the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSettings {
    /// Most sequences decoded at once; more wait. At least 1.
    pub max_sequences: usize,
    /// Most tokens read in one step; longer prompts take several. At least `max_sequences`.
    pub max_rows: usize,
    /// Longest sequence in tokens, at least 2; left out, the model's own limit, or 8,192 where that is longer.
    pub context: Option<usize>,
    /// Memory for keys and values, in bytes. At least one sequence of the full context always fits.
    pub cache_bytes: usize,
    /// Threads; left out, one for each core.
    pub threads: Option<usize>,
    /// Where the engine computes.
    pub device: DeviceKind,
    /// How it multiplies; on the CPU always in f32.
    pub precision: Precision,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            max_sequences: 64,
            max_rows: 256,
            context: None,
            cache_bytes: 1 << 30,
            threads: None,
            device: DeviceKind::Cpu,
            precision: Precision::F32,
        }
    }
}

/// The settings with all choices made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) capacity: Capacity,
    pub(crate) limits: StepLimits,
    pub(crate) threads: usize,
}

impl EngineSettings {
    /// Settings that keep a device busy: a GPU reads more rows at once, and has more memory for keys and values.
    pub fn on(device: DeviceKind) -> Self {
        let here = Self { device, ..Self::default() };
        match device {
            DeviceKind::Cpu => here,
            DeviceKind::Cuda => Self { max_sequences: 256, max_rows: 2048, cache_bytes: 4 << 30, ..here },
        }
    }

    pub(crate) fn resolve(&self, config: &PolicyConfig) -> Result<Plan> {
        let longest = config.max_position_embeddings;
        let context = self.context.unwrap_or(longest.min(8192));
        let fault = |message: String| Err(Error::new(ErrorKind::Request, message));
        if self.max_sequences == 0 || self.max_rows < self.max_sequences {
            return fault(format!(
                "max_rows ({}) must be at least max_sequences ({}), and that at least 1",
                self.max_rows, self.max_sequences
            ));
        }
        if self.device == DeviceKind::Cpu && self.precision != Precision::F32 {
            return fault(format!("the CPU computes in f32, not in {}", self.precision));
        }
        if context < 2 || context > longest {
            return fault(format!(
                "the context ({context} tokens) must lie between 2 and the model's {longest}"
            ));
        }
        let token_bytes = 2 * config.num_layers * config.kv_width() * size_of::<f32>();
        let one = context.div_ceil(BLOCK);
        let affordable = self.cache_bytes / (token_bytes * BLOCK);
        // One block besides: a sequence may copy from a block that it does not hold.
        let blocks = affordable.min(one * self.max_sequences).max(one) + 1;
        let threads = self.threads.filter(|threads| *threads > 0).unwrap_or_else(cores);
        Ok(Plan {
            capacity: Capacity { rows: self.max_rows, samples: self.max_sequences, context, blocks },
            limits: StepLimits { rows: self.max_rows, sequences: self.max_sequences },
            threads,
        })
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
