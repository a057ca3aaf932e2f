//! Which judge a run has: one of the program, or one of the configuration.

use super::{Registry, check};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::{
        Jury, JuryMember,
        configured::{Judges, PartSource, WeightedPart},
    },
    text::did_you_mean,
    workflow::WorkflowEntry,
};

impl Registry {
    /// The judge of this name, configured or of the program. Without a name, as [`judge`](Self::judge) where none is
    /// configured; else the only judge there is, those that serve as parts of a sum not counted.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the name is unknown, does not fit, or several judges could be meant;
    /// [`ErrorKind::Config`] when a name is both configured and of the program, or a part of a sum cannot be.
    pub fn jury(
        &self,
        workflow: &WorkflowEntry,
        name: Option<&str>,
        judges: &Judges,
    ) -> Result<Option<Jury>> {
        self.no_name_twice(judges)?;
        let registered = |name| Ok(self.judge(workflow, name)?.map(|entry| Jury::from(*entry)));
        match (name, judges.whole().as_slice()) {
            (Some(name), _) => match self.configured(workflow, name, judges)? {
                Some(jury) => Ok(Some(jury)),
                None if self.judges.iter().any(|entry| entry.meta.name == name) => registered(Some(name)),
                None => Err(unknown("judge", name, self, judges)),
            },
            (None, []) => registered(None),
            (None, whole) => {
                let fitting = self.judges.iter().filter(|judge| check::fits(judge, workflow));
                let all: Vec<_> = fitting.map(|entry| entry.meta.name).chain(whole.iter().copied()).collect();
                match all.as_slice() {
                    [only] => self.configured(workflow, only, judges),
                    _ => {
                        let names = all.join(", ");
                        let message = format!(
                            "which judge? Choose one with --judge, or `judge = \"…\"` in tuner.toml: {names}"
                        );
                        Err(Error::new(ErrorKind::Usage, message))
                    }
                }
            }
        }
    }

    fn configured(&self, workflow: &WorkflowEntry, name: &str, judges: &Judges) -> Result<Option<Jury>> {
        if let Some(member) = judges.member(name) {
            return Ok(Some(Jury::of(member.clone())));
        }
        let Some(parts) = judges.parts(name) else { return Ok(None) };
        let in_table = |error: Error| Error::new(ErrorKind::Config, format!("[judges.{name}]: {error}"));
        let members: Result<Vec<_>> =
            parts.iter().map(|part| Ok((self.member(workflow, part, judges)?, part.weight))).collect();
        members.and_then(|members| Jury::weighted(name, members)).map(Some).map_err(in_table)
    }

    fn member(&self, workflow: &WorkflowEntry, part: &WeightedPart, judges: &Judges) -> Result<JuryMember> {
        let name = match &part.source {
            PartSource::Inline(member) => return Ok(member.clone()),
            PartSource::Named(name) => name,
        };
        if let Some(member) = judges.member(name) {
            return Ok(member.clone());
        }
        if judges.parts(name).is_some() {
            let message = format!("the part `{name}` is a weighted sum itself: name its parts instead");
            return Err(Error::new(ErrorKind::Config, message));
        }
        if !self.judges.iter().any(|entry| entry.meta.name == name) {
            return Err(unknown("part", name, self, judges));
        }
        let entry = self.judge(workflow, Some(name))?;
        entry.map(|entry| (*entry).into()).ok_or_else(|| unknown("part", name, self, judges))
    }

    fn no_name_twice(&self, judges: &Judges) -> Result<()> {
        let twice = self.judges.iter().filter(|entry| judges.names().any(|name| name == entry.meta.name));
        let faults: Vec<_> = twice
            .map(|entry| {
                let (name, place) = (entry.meta.name, entry.meta.location);
                format!("[judges.{name}]: the program has a judge of this name ({place}); rename one")
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::Config, faults.join("\n"))) }
    }
}

fn unknown(what: &str, name: &str, registry: &Registry, judges: &Judges) -> Error {
    let known = registry.judges.iter().map(|entry| entry.meta.name).chain(judges.names());
    let hint = did_you_mean(name, known);
    Error::new(ErrorKind::Usage, format!("there is no {what} `{name}`; {hint}"))
}
