//! `tuner.toml`: values, where the code holds behaviour.
//!
//! Flags go before environment variables, these before the file, and the file before the attributes of the code. Within the
//! file, what stands under the workflow's own name goes before a profile, and a profile before the rest.

mod check;
mod file;
mod overrides;
mod per_workflow;
mod profile;
mod prompt;
mod ray;
mod schema;
mod slots;
#[cfg(feature = "embedded")]
mod weights;
mod workflows;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use file::{
    BoundsTable, CandidateTable, DatasetTable, DatasetsTable, File, MlFlowTable, MonitorTable, RunTable,
    SelectTable, StrategyTable,
};
pub use overrides::Override;
pub use prompt::PromptTable;
pub use ray::{Decode, EngineName, RayTable};
pub use schema::schema;
#[cfg(feature = "embedded")]
pub use weights::{LoraTable, OverlongTable, WarmStartTable, WeightsTable};
pub use workflows::{AnswerForm, WorkflowTable};

use crate::{
    candidate::{Candidate, SlotPath, SlotValue},
    error::{Error, ErrorKind, Result},
    registry::Registry,
};

/// Name of the file that is looked for.
pub const FILE_NAME: &str = "tuner.toml";

/// A configuration: the file with all overrides, and the directory that its paths are relative to.
#[derive(Clone, Debug)]
pub struct Config {
    /// The settings.
    pub file: File,
    /// Relative paths in the settings start here.
    pub directory: PathBuf,
    /// The settings as text, overrides included: what a resumed run reads instead of the file.
    pub snapshot: String,
    /// Where the file is; `None` when there is none.
    pub path: Option<PathBuf>,
    /// Where each workflow stands in the file.
    lines: BTreeMap<String, u32>,
    /// Names of workflows that have settings of their own.
    singled_out: Vec<String>,
}

impl Config {
    /// Reads the file at `path`, or the first `tuner.toml` of this directory and that of the package that
    /// `cargo run` runs; without a file all settings have their defaults.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every unknown key and every value of a wrong type or range.
    pub fn load(path: Option<&Path>, profile: Option<&str>, overrides: &[Override]) -> Result<Self> {
        let path = path.map(Path::to_owned).or_else(find);
        let text = match &path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                let message = format!("cannot read {}; name the file with --config", path.display());
                Error::new(ErrorKind::Config, message).with_source(error)
            })?,
        };
        let directory = path.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let shown = path.as_deref().unwrap_or(Path::new(FILE_NAME)).display().to_string();
        Self::parse(&text, &shown, directory, profile, overrides).map(|config| Self { path, ..config })
    }

    /// Reads settings from `text`, which stands in a file shown as `name`, with the table `[profiles.PROFILE]` laid
    /// over them, then that of `[per-workflow]` for the workflow that is chosen, and `overrides` over all.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(
        text: &str,
        name: &str,
        directory: PathBuf,
        profile: Option<&str>,
        overrides: &[Override],
    ) -> Result<Self> {
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Error::new(ErrorKind::Config, format!("{name} is not TOML: {}", error.to_string().trim_end()))
        })?;
        profile::apply(&mut table, profile)?;
        overrides::apply(&mut table, overrides)?;
        let singled_out = per_workflow::apply(&mut table, overrides)?;
        let snapshot = toml::to_string(&table).map_err(|error| {
            Error::new(ErrorKind::Config, "the settings cannot be written").with_source(error)
        })?;
        let file = file::read(table, name)?;
        check::ranges(&file, name)?;
        Ok(Self { file, directory, snapshot, path: None, lines: workflows::lines(text), singled_out })
    }

    /// The values of `[slots]`, each of the role that the code gives its slot.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every component and slot that there is not, and every value of a wrong kind.
    pub fn slots(&self, registry: &Registry) -> Result<BTreeMap<SlotPath, SlotValue>> {
        let mut values = self.programs()?;
        values.extend(slots::read(&self.file.slots, registry, &self.directory)?);
        Ok(values)
    }

    /// Whether every workflow with settings of its own is one that there is, and would be given them.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with what to write instead.
    pub fn check_names(&self, registry: &Registry) -> Result<()> {
        per_workflow::check(&self.singled_out, self.file.workflow.as_deref(), registry)
    }

    /// Values of slots that stand elsewhere, written as under `[slots]`: component, then slot.
    ///
    /// # Errors
    /// As [`slots`](Self::slots).
    pub(crate) fn values(
        &self,
        tables: &BTreeMap<String, toml::Table>,
        registry: &Registry,
    ) -> Result<BTreeMap<SlotPath, SlotValue>> {
        slots::read(tables, registry, &self.directory)
    }

    /// The candidates of `[[strategy.select.candidate]]`.
    ///
    /// # Errors
    /// As [`slots`](Self::slots), with the candidate's name.
    pub fn candidates(&self, registry: &Registry) -> Result<Vec<Candidate>> {
        let tables = self.file.strategy.select.iter().flat_map(|table| &table.candidate);
        tables
            .map(|table| {
                let slots = slots::read(&table.slots, registry, &self.directory).map_err(|error| {
                    Error::new(error.kind(), format!("[[strategy.select.candidate]] {}: {error}", table.name))
                })?;
                Ok(Candidate { name: table.name.clone(), slots })
            })
            .collect()
    }

    /// All settings that were given, as pairs of a key like `strategy.weights.steps` and its value.
    pub fn flat(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        if let Ok(table) = self.snapshot.parse::<toml::Table>() {
            flatten("", &table, &mut pairs);
        }
        pairs
    }

    /// `path` as the settings mean it.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.join(path)
    }
}

fn find() -> Option<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let directories = std::iter::once(PathBuf::new()).chain(package);
    directories.map(|directory| directory.join(FILE_NAME)).find(|path| path.is_file())
}

fn flatten(prefix: &str, table: &toml::Table, pairs: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, pairs),
            toml::Value::String(text) => pairs.push((key, text.clone())),
            value => pairs.push((key, value.to_string())),
        }
    }
}
