//! One workflow, its judge, and everything configured for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    config::Config,
    error::{Error, ErrorKind, Result},
    gateway::RunGateway,
    judge::{Jury, configured::Judges},
    registry::Registry,
    rollout::{
        Allowance, Engine, ModelTable, Options, PricedModel, RolloutLimits, Setup, Store, remote::Trade,
    },
    text::did_you_mean,
    workflow::{SlotDefault, SlotRole, SlotSpec, WorkflowEntry},
};

/// How long a rollout may work when nothing else is said.
const DEFAULT_TIME: Duration = Duration::from_secs(300);

/// What a run is about: chosen from the registry, filled from the configuration.
#[derive(Debug)]
pub struct Session<'a> {
    /// The workflow to run.
    pub workflow: &'a WorkflowEntry,
    /// Its judge; without one the workflow's own reward counts.
    pub judge: Option<Jury>,
    /// Configured values of slots.
    pub slots: BTreeMap<SlotPath, SlotValue>,
    config: &'a Config,
    /// Models that are not configured, by the names that slots know them by.
    given: BTreeMap<String, PricedModel>,
}

impl<'a> Session<'a> {
    /// Chooses workflow and judge, and reads the slots.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the choice is not clear, [`ErrorKind::Config`] with every slot that is wrong.
    pub fn prepare(registry: &'a Registry, config: &'a Config) -> Result<Self> {
        let workflow = registry.workflow(config.file.workflow.as_deref())?;
        let judges = Judges::read(&config.file.judges, &config.directory)?;
        let judge = registry.jury(workflow, config.file.judge.as_deref(), &judges)?;
        let mut slots = config.slots(registry)?;
        for member in judge.iter().flat_map(Jury::members) {
            let model = member
                .model
                .as_ref()
                .map(|name| (SlotPath::new(&*member.name, "model"), SlotValue::model(name)));
            slots.extend(model);
        }
        Ok(Self { workflow, judge, slots, config, given: BTreeMap::new() })
    }

    /// The only workflow of `registry`, without a judge.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn unjudged(registry: &'a Registry, config: &'a Config) -> Result<Self> {
        let (workflow, slots) = (registry.workflow(None)?, config.slots(registry)?);
        Ok(Self { workflow, judge: None, slots, config, given: BTreeMap::new() })
    }

    /// The same with `slot` filled by a model that is not configured, known as `name`.
    #[must_use]
    pub fn with_given(mut self, slot: SlotPath, name: &str, model: PricedModel) -> Self {
        self.slots.insert(slot, SlotValue::model(name));
        self.given.insert(name.to_owned(), model);
        self
    }

    /// The models that `candidates` can call, ready to be called.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a model is not configured, its key is missing, or money is limited and its price is
    /// not known.
    pub fn models(&self, candidates: &[Candidate]) -> Result<ModelTable> {
        let mut table = ModelTable::default();
        for name in self.model_names(candidates) {
            table = table.with(name.clone(), self.model(&name)?);
        }
        Ok(table)
    }

    /// `table` with the models of these names too.
    ///
    /// # Errors
    /// As [`models`](Self::models).
    pub fn with_models(&self, table: ModelTable, names: &[String]) -> Result<ModelTable> {
        names.iter().try_fold(table, |table, name| Ok(table.with(name.clone(), self.model(name)?)))
    }

    /// An engine over `store`.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn engine(&self, models: ModelTable, store: Store, stop: CancellationToken) -> Result<Engine> {
        let engine = Engine::new(Setup {
            workflow: *self.workflow,
            judge: self.judge.clone(),
            models,
            slots: self.slots.clone(),
            options: self.options(),
            store,
            stop,
        })?;
        Ok(engine.with_access(Arc::new(RunGateway::new())))
    }

    /// What a worker on another machine makes rollouts of.
    pub(crate) fn trade(&self) -> Trade {
        let Options { seed, limits, .. } = self.options();
        Trade {
            workflow: *self.workflow,
            judge: self.judge.clone(),
            slots: self.slots.clone(),
            seed,
            limits,
            access: Arc::new(RunGateway::new()),
        }
    }

    /// The slot that `wanted` names, as `slot` or `component.slot`; without it the only one of `role`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] that lists the slots there are.
    pub fn slot(&self, role: SlotRole, wanted: Option<&str>) -> Result<SlotPath> {
        let fitting: Vec<_> = self.all_slots().filter(|(_, slot)| slot.role == role).collect();
        let path = |(component, slot): &(&str, &SlotSpec)| SlotPath::new(*component, slot.name);
        let named = |wanted: &str| {
            let workflow_first = fitting.iter().find(|(_, slot)| slot.name == wanted);
            fitting.iter().find(|found| path(found).to_string() == wanted).or(workflow_first)
        };
        let own: Vec<_> =
            fitting.iter().filter(|(component, _)| *component == self.workflow.meta.name).collect();
        let found = match (wanted, own.as_slice()) {
            (Some(wanted), _) => named(wanted),
            (None, [only]) => Some(*only),
            (None, _) => None,
        };
        found.map(path).ok_or_else(|| {
            let paths: Vec<_> = fitting.iter().map(|found| path(found).to_string()).collect();
            let hint = did_you_mean(wanted.unwrap_or_default(), paths.iter().map(String::as_str));
            let asked = wanted
                .map_or("which slot?".to_owned(), |wanted| format!("there is no {role} slot `{wanted}`;"));
            Error::new(ErrorKind::Usage, format!("{asked} choose one with --slot: {hint}"))
        })
    }

    /// What `slot` holds: as configured, else as its attribute says.
    pub fn value(&self, slot: &SlotPath) -> Option<SlotValue> {
        let own = self.all_slots().find(|(component, one)| SlotPath::new(*component, one.name) == *slot);
        self.slots.get(slot).cloned().or_else(|| match own?.1.default {
            SlotDefault::None => None,
            SlotDefault::Prompt(text) => Some(SlotValue::Prompt(text.to_owned())),
            SlotDefault::Model(name) => Some(SlotValue::model(name)),
        })
    }

    /// What the run may spend.
    pub fn budget(&self) -> Allowance {
        self.options().budget
    }

    /// Where runs are kept.
    pub fn runs(config: &Config) -> PathBuf {
        config.resolve(config.file.run.directory.as_deref().unwrap_or("runs"))
    }

    fn options(&self) -> Options {
        let file = &self.config.file;
        Options {
            seed: file.seed,
            concurrency: file.run.concurrency.unwrap_or(Options::default().concurrency),
            limits: RolloutLimits {
                allowance: file.limits.allowance(),
                time: Some(file.limits.time().unwrap_or(DEFAULT_TIME)),
            },
            budget: file.budget.allowance(),
        }
    }

    fn model(&self, name: &str) -> Result<PricedModel> {
        if let Some(given) = self.given.get(name) {
            return Ok(given.clone());
        }
        let models = &self.config.file.models;
        let spec = models.get(name).ok_or_else(|| {
            let hint = did_you_mean(name, models.keys().map(String::as_str));
            let message =
                format!("there is no model `{name}`: add a [models.{name}] table to tuner.toml; {hint}");
            Error::new(ErrorKind::Config, message)
        })?;
        let options = self.options();
        let money = options.budget.usd.is_some() || options.limits.allowance.usd.is_some();
        if money && spec.known_price().is_none() {
            let message = format!(
                "the price of model `{name}` is unknown, so a limit in usd cannot be kept: add `price = {{ input = …, output = … }}` to [models.{name}], or limit calls or tokens"
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut spec = spec.clone();
        spec.path = spec.path.map(|path| self.config.resolve(path));
        let model = spec
            .build(&|variable| std::env::var(variable).ok())
            .map_err(|error| Error::new(error.kind(), format!("model `{name}`: {}", error.chain())))?;
        Ok(PricedModel { model, price: spec.known_price(), max_output_tokens: spec.max_output_tokens })
    }

    fn model_names(&self, candidates: &[Candidate]) -> BTreeSet<String> {
        let configured = std::iter::once(&self.slots);
        let values = candidates.iter().map(|candidate| &candidate.slots).chain(configured).flatten();
        let own = |path: &SlotPath| self.all_slots().any(|(name, _)| name == path.component);
        let named = values.filter(|(path, _)| own(path)).filter_map(|(_, value)| match value {
            SlotValue::Model { name, .. } => Some(name.clone()),
            _ => None,
        });
        let unset = self.all_slots().filter(|(component, slot)| {
            let path = SlotPath::new(*component, slot.name);
            let proposed =
                !candidates.is_empty() && candidates.iter().all(|one| one.slots.contains_key(&path));
            !proposed && !self.slots.contains_key(&path)
        });
        let defaults = unset.filter_map(|(_, slot)| match slot.default {
            SlotDefault::Model(name) => Some(name.to_owned()),
            _ => None,
        });
        named.chain(defaults).collect()
    }

    fn all_slots(&self) -> impl Iterator<Item = (&str, &'static SlotSpec)> {
        let workflow = (self.workflow.meta.name, self.workflow.slots);
        let members = self.judge.iter().flat_map(Jury::members);
        let judges = members.map(|member| (&*member.name, member.slots));
        std::iter::once(workflow)
            .chain(judges)
            .flat_map(|(component, slots)| slots.iter().map(move |slot| (component, slot)))
    }
}
