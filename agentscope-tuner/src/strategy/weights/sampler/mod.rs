//! Who samples: the engine of the trained model in this process, or a server that gets each version of its weights.

use std::{
    fs,
    path::{Path, PathBuf},
};

use policy::{
    Params, PolicyConfig,
    checkpoint::{Checkpoint, SaveOptions},
    device::Cpu,
    tape,
    trainer::Training,
};

use super::{
    WeightsTuning,
    alarm::Alarm,
    checkpoint::{ADAPTER, Checkpoints},
    failed, files, groups,
    learner::Learner,
    lesson::Learnt,
    policy,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{TokenTrace, served::Served},
};

/// Where weights are written for the server, in the run's directory.
const DIRECTORY: &str = "sampler";
/// What names of adapters begin with at the server.
const PREFIX: &str = "tuner";
/// Share of a step's tokens that server and trainer may see a tenth apart. Rounding to bf16 moves few that far.
const MOST_APART: f64 = 0.5;

/// Share of later turns that may be read otherwise: calls with numbers or keys that a model spelled its own way are rare.
const FEW: f64 = 0.1;
/// What to look at where first turns are read otherwise.
const OTHER_TEMPLATE: &str = "compare --chat-template and the server's default template arguments";
/// What to look at where only later ones are.
const OTHER_CALLS: &str = "only turns after an answer differ, so compare how the template spells earlier answers; vLLM hands a tool call's `function` on as `arguments` and then `name`, so spell the two one by one, not by `function | tojson`";

/// A server that samples the rollouts, of training and on held-out rows, in the place of the engine in this process.
#[derive(Clone, Debug)]
pub struct Sampler {
    /// Its name among the run's models.
    pub model: String,
    /// The server.
    pub served: Served,
    /// Where each version's weights are written for it, under a path that the server sees too; the run's directory where unset.
    pub directory: Option<PathBuf>,
    /// How far the log-probabilities of server and trainer may be apart when weights were loaded, in nats a token on the
    /// average; above 0.
    pub difference_limit: f64,
}

impl Sampler {
    /// Samples at `served`, which the run knows as `model`.
    pub fn new(model: impl Into<String>, served: Served) -> Self {
        Self { model: model.into(), served, directory: None, difference_limit: 0.5 }
    }
}

/// Where the weights of a version are from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The model that training began with.
    Base,
    /// The trainer, as it is.
    Learner(&'a Learner),
    /// A checkpoint of the run.
    Checkpoint(&'a Path),
}

/// Gives weights to whoever samples.
#[derive(Debug)]
pub(super) struct Supply<'a> {
    settings: &'a WeightsTuning,
    /// Absolute: the server may stand elsewhere.
    directory: PathBuf,
    /// Tells the adapters of this process from those of all others: a name is never used twice.
    nonce: String,
    given: u64,
    /// The adapter that answers.
    adapter: Option<String>,
    /// The one that answered before it.
    retired: Option<String>,
    /// Whether the server answers by the model that training began with.
    is_base: bool,
}

impl<'a> Supply<'a> {
    /// Makes the server forget what a process that was killed has left there.
    pub(super) async fn begin(settings: &'a WeightsTuning, run: &Path) -> Result<Self> {
        let own = settings.sampler.as_ref().and_then(|sampler| sampler.directory.as_deref());
        let name = run.file_name().unwrap_or_default();
        let directory = own.map_or_else(|| run.join(DIRECTORY), |own| own.join(name));
        let directory =
            std::path::absolute(&directory).map_err(|error| files::io("find", &directory, error))?;
        let nonce = getrandom::u32().map_err(|error| {
            Error::new(ErrorKind::Io, "the system gives no random numbers").with_source(error)
        })?;
        let nonce = format!("{nonce:08x}");
        let supply =
            Self { settings, directory, nonce, given: 0, adapter: None, retired: None, is_base: false };
        if let Some(sampler) = &settings.sampler {
            supply.sweep(&sampler.served).await?;
        }
        Ok(supply)
    }

    /// Has `weights` sample from now on. Returns when they do: at a server, when it has answered with them.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the server does not load them, or answers otherwise than they do, with what it needs.
    pub(super) async fn give(&mut self, weights: &Params<Cpu>, source: Source<'_>) -> Result<()> {
        let Some(sampler) = &self.settings.sampler else { return self.settings.policy.update(weights).await };
        let is_base = matches!(source, Source::Base);
        if is_base && self.is_base {
            return Ok(());
        }
        (self.given, self.is_base) = (self.given + 1, is_base);
        // Nobody is being answered: a server needs room for one adapter.
        if let Some(before) = self.adapter.take() {
            sampler.served.forget_adapter(&before).await?;
            self.retire(before)?;
        }
        match self.settings.lora {
            Some(_) => self.adapter = self.give_adapter(&sampler.served, source).await?,
            None => self.give_weights(&sampler.served, weights, source).await?,
        }
        self.confirm(sampler, weights).await
    }

    /// Has the weights of that checkpoint sample from now on.
    pub(super) async fn give_checkpoint(&mut self, checkpoints: &Checkpoints, version: u64) -> Result<()> {
        self.give(&checkpoints.weights(version)?, Source::Checkpoint(&checkpoints.at(version))).await
    }

    /// Leaves the server without anything of this run but, where the whole model was trained, its last weights.
    pub(super) async fn end(&mut self) -> Result<()> {
        let (Some(sampler), Some(adapter)) = (&self.settings.sampler, self.adapter.take()) else {
            return Ok(());
        };
        sampler.served.use_no_adapter();
        sampler.served.forget_adapter(&adapter).await?;
        files::remove(&self.directory)
    }

    /// Removes the adapter before the one that answered last: the server may still read that one for calls that were given up.
    fn retire(&mut self, adapter: String) -> Result<()> {
        match self.retired.replace(adapter) {
            Some(old) => files::remove(&self.directory.join(old)),
            None => Ok(()),
        }
    }

    /// What a step says of the server, where that is worth a word.
    pub(super) fn alarm(&self, learnt: &Learnt, staleness: u64) -> Option<Alarm> {
        let sampler = self.settings.sampler.as_ref()?;
        let apart =
            learnt.value("sampling/outside_0.9_1.1").filter(|share| staleness == 0 && *share > MOST_APART);
        if let Some(share) = apart {
            return Some(Alarm::Stop(format!(
                "{:.0} % of the tokens that the server sampled are more than a tenth likelier or less likely to the trainer: the server answers with other weights than it was given (was it started again?), so this step was not worth learning; train again from `best` as path",
                100.0 * share
            )));
        }
        let [first, later] = sampler.served.take_differing();
        let kinds = [(first, 0.0, OTHER_TEMPLATE), (later, FEW, OTHER_CALLS)];
        let too_many = |[prompts, differing]: [u64; 2], few: f64| differing as f64 > few * prompts as f64;
        let ([prompts, differing], _, compare) =
            kinds.into_iter().find(|(read, few, _)| too_many(*read, *few))?;
        Some(Alarm::Warn(format!(
            "{differing} of {prompts} prompts were read by the server as other tokens than the model's chat template and tokenizer make of them; what is learnt is what the server read, but a model that is used through its own template may not do as well: {compare}"
        )))
    }

    /// The name of the adapter that answers now; none where the base does.
    async fn give_adapter(&self, served: &Served, source: Source<'_>) -> Result<Option<String>> {
        let name = format!("{PREFIX}-{}-{:06}", self.nonce, self.given);
        let place = self.directory.join(&name);
        match source {
            Source::Base => {
                served.use_no_adapter();
                return Ok(None);
            }
            Source::Learner(learner) => self.write_adapter(learner, &place).await?,
            Source::Checkpoint(checkpoint) => {
                // Remembered by its name, as all others are.
                fs::create_dir_all(&place).map_err(|error| files::io("make", &place, error))?;
                let adapter = std::path::absolute(checkpoint.join(ADAPTER))?;
                served.use_adapter(&name, &adapter).await?;
                return Ok(Some(name));
            }
        }
        served.use_adapter(&name, &place).await?;
        Ok(Some(name))
    }

    async fn write_adapter(&self, learner: &Learner, place: &Path) -> Result<()> {
        let Some(config) = self.settings.lora.clone() else { return Ok(()) };
        let base = self.settings.policy.directory();
        let base = fs::canonicalize(base).unwrap_or_else(|_| base.to_owned()).to_string_lossy().into_owned();
        let unfinished = files::unfinished(&self.directory)?;
        let target = unfinished.path().to_owned();
        let write = move |trainer: &mut dyn Training| trainer.save_adapters(&config, &target, &base);
        learner.ask("write the adapters for the server", write).await?;
        files::publish(unfinished, place)
    }

    async fn give_weights(&self, served: &Served, weights: &Params<Cpu>, source: Source<'_>) -> Result<()> {
        let directory = match source {
            Source::Base => self.settings.policy.directory().to_owned(),
            Source::Checkpoint(checkpoint) => checkpoint.to_owned(),
            Source::Learner(_) => {
                let place = self.directory.join(format!("weights-{}-{:06}", self.nonce, self.given));
                let unfinished = files::unfinished(&self.directory)?;
                let (base, target) =
                    (self.settings.policy.directory().to_owned(), unfinished.path().to_owned());
                let weights = weights.clone();
                let write = move || {
                    let tensors = weights.to_tensors()?;
                    Checkpoint::open(base)?.save(target, &tensors, &SaveOptions::default())
                };
                let written = tokio::task::spawn_blocking(write).await?;
                written.map_err(|error| failed("write the weights for the server", error))?;
                files::publish(unfinished, &place)?;
                served.use_weights(&place).await?;
                // The server has them in its own memory.
                return files::remove(&place);
            }
        };
        served.use_weights(&std::path::absolute(directory)?).await
    }

    /// Asks the server something short, and compares what it says of its answer with what `weights` say.
    async fn confirm(&self, sampler: &Sampler, weights: &Params<Cpu>) -> Result<()> {
        let settings = self.settings;
        let trace = sampler.served.probe(groups::undistorted(settings)).await?;
        let difference = difference(settings, weights, trace).await?;
        if difference <= sampler.difference_limit {
            return Ok(());
        }
        let message = format!(
            "the log-probabilities of the server are {difference:.2} nats a token from the trainer's on the average, but at most {} (strategy.weights.sampler.difference-limit) when both have the same weights: it serves another checkpoint than `{}`, or not with --logprobs-mode processed_logprobs",
            sampler.difference_limit,
            settings.policy.directory().display()
        );
        Err(Error::new(ErrorKind::Config, message))
    }

    async fn sweep(&self, served: &Served) -> Result<()> {
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(PREFIX) {
                served.forget_adapter(&name).await?;
            }
            files::remove(&entry.path())?;
        }
        Ok(())
    }
}

/// Mean distance of the sampler's log-probabilities from those of `weights`, in nats a token; infinite where it sampled none.
async fn difference(settings: &WeightsTuning, weights: &Params<Cpu>, trace: TokenTrace) -> Result<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "the model computes in f32")]
    let temperature = settings.temperature as f32;
    let (directory, weights) = (settings.policy.directory().to_owned(), weights.clone());
    let TokenTrace { prompt_ids, ids, logprobs } = trace;
    let score = move || -> policy::Result<Vec<f32>> {
        let config: PolicyConfig = Checkpoint::open(directory)?.config().clone();
        tape::score(&config, &weights, &prompt_ids, &ids, temperature)
    };
    let ours = tokio::task::spawn_blocking(score).await?;
    let ours = ours.map_err(|error| failed("compare the server with the trainer", error))?;
    let sum: f64 = ours.iter().zip(&logprobs).map(|(ours, theirs)| f64::from((ours - theirs).abs())).sum();
    Ok(if logprobs.is_empty() { f64::INFINITY } else { sum / logprobs.len() as f64 })
}
