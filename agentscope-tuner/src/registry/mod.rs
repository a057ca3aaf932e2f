//! What is registered: collected from `inventory`, or built by hand with equal rank.

mod check;
mod jury;

use crate::{
    agent::{FunctionTool, ToolEntry},
    component::Meta,
    error::{Error, ErrorKind, Result},
    judge::{Judge, JudgeEntry},
    text::did_you_mean,
    workflow::{Workflow, WorkflowEntry},
};

inventory::collect!(WorkflowEntry);
inventory::collect!(JudgeEntry);
inventory::collect!(ToolEntry);

/// The workflows, judges and tools of a program, sorted by name, checked to fit together.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    workflows: Vec<WorkflowEntry>,
    judges: Vec<JudgeEntry>,
    tools: Vec<ToolEntry>,
}

impl Registry {
    /// All that the annotations of this program and of the crates linked into it registered.
    ///
    /// # Errors
    /// [`ErrorKind::Registry`] with every fault: nothing registered, two components of one name, a judge that
    /// fits no workflow.
    pub fn collect() -> Result<Self> {
        Self::builder().linked().build()
    }

    /// As [`collect`](Self::collect), with the workflows of the configuration, faults and all: for a start-up that shows those
    /// of the configuration beside them.
    pub(crate) fn collect_with_faults(configured: Vec<WorkflowEntry>) -> (Self, Vec<String>) {
        let registry = Self::builder().linked().entries(configured).sorted();
        let faults = check::faults(&registry);
        (registry, faults)
    }

    /// Starts an empty registry, for programs that do not collect.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// The workflows, by name.
    pub fn workflows(&self) -> &[WorkflowEntry] {
        &self.workflows
    }

    /// The judges, by name.
    pub fn judges(&self) -> &[JudgeEntry] {
        &self.judges
    }

    /// The tools, by name.
    pub fn tools(&self) -> &[ToolEntry] {
        &self.tools
    }

    /// The workflow of this name, or the only one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] that lists the workflows there are.
    pub fn workflow(&self, name: Option<&str>) -> Result<&WorkflowEntry> {
        pick("workflow", &self.workflows, |entry| entry.meta, name)
    }

    /// The judge of this name, or the only one that fits `workflow`; `None` when none fits and none is named.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the name is unknown, does not fit, or several judges fit.
    pub fn judge(&self, workflow: &WorkflowEntry, name: Option<&str>) -> Result<Option<&JudgeEntry>> {
        let fitting: Vec<_> = self.judges.iter().filter(|judge| check::fits(judge, workflow)).collect();
        match (name, fitting.as_slice()) {
            (None, []) => Ok(None),
            (None, [only]) => Ok(Some(only)),
            (None, several) => {
                // A judge that names the workflow is meant more than one that merely fits.
                let mut meant = several.iter().filter(|judge| judge.workflow == Some(workflow.meta.name));
                match (meant.next(), meant.next()) {
                    (Some(only), None) => Ok(Some(only)),
                    _ => pick("judge", &fitting, |entry| entry.meta, None).map(|judge| Some(*judge)),
                }
            }
            (Some(name), _) => {
                let judge = pick("judge", &self.judges, |entry| entry.meta, Some(name))?;
                match check::misfit(judge, workflow) {
                    None => Ok(Some(judge)),
                    Some(why) => Err(Error::new(ErrorKind::Usage, why)),
                }
            }
        }
    }
}

/// Collects entries, then checks them together.
#[derive(Clone, Debug, Default)]
pub struct RegistryBuilder(Registry);

impl RegistryBuilder {
    /// Adds all that annotations registered.
    #[must_use]
    pub fn linked(mut self) -> Self {
        self.0.workflows.extend(inventory::iter::<WorkflowEntry>);
        self.0.judges.extend(inventory::iter::<JudgeEntry>);
        self.0.tools.extend(inventory::iter::<ToolEntry>);
        self
    }

    /// Adds a workflow.
    #[must_use]
    pub fn workflow<W: Workflow>(mut self) -> Self {
        self.0.workflows.push(W::ENTRY);
        self
    }

    /// Adds workflows that are known by their entries alone.
    #[must_use]
    pub fn entries(mut self, workflows: impl IntoIterator<Item = WorkflowEntry>) -> Self {
        self.0.workflows.extend(workflows);
        self
    }

    /// Adds a judge.
    #[must_use]
    pub fn judge<J: Judge>(mut self) -> Self {
        self.0.judges.push(J::ENTRY);
        self
    }

    /// Adds a tool.
    #[must_use]
    pub fn tool<T: FunctionTool>(mut self) -> Self {
        self.0.tools.push(T::ENTRY);
        self
    }

    /// Sorts and checks.
    ///
    /// # Errors
    /// As [`Registry::collect`].
    pub fn build(self) -> Result<Registry> {
        let registry = self.sorted();
        match check::faults(&registry).as_slice() {
            [] => Ok(registry),
            faults => Err(Error::new(ErrorKind::Registry, faults.join("\n"))),
        }
    }

    fn sorted(self) -> Registry {
        let Self(mut registry) = self;
        registry.workflows.sort_by_key(|entry| order(entry.meta));
        registry.judges.sort_by_key(|entry| order(entry.meta));
        registry.tools.sort_by_key(|entry| order(entry.meta));
        registry
    }
}

/// The order in which entries are linked is unspecified, so it is never shown.
fn order(meta: Meta) -> (&'static str, crate::component::Location) {
    (meta.name, meta.location)
}

fn pick<'a, T>(kind: &str, entries: &'a [T], meta: impl Fn(&T) -> Meta, name: Option<&str>) -> Result<&'a T> {
    let names = || entries.iter().map(|entry| meta(entry).name);
    match (name, entries) {
        (None, [only]) => Ok(only),
        (None, _) => {
            let names = names().collect::<Vec<_>>().join(", ");
            Err(Error::new(
                ErrorKind::Usage,
                format!("which {kind}? Choose one with --{kind}, or `{kind} = \"…\"` in tuner.toml: {names}"),
            ))
        }
        (Some(name), _) => entries.iter().find(|entry| meta(entry).name == name).ok_or_else(|| {
            let hint = did_you_mean(name, names());
            Error::new(ErrorKind::Usage, format!("there is no {kind} `{name}`; {hint}"))
        }),
    }
}
