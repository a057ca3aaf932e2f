//! Judges of `tuner.toml`: `[judges.NAME]` tables.
//!
#![doc = include_str!("kinds.md")]

mod kind;
mod read;
mod row;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde_json::Value;

use self::{
    kind::Kind,
    row::Reading,
    table::{Part, Parts},
};
use super::{Judged, JuryMember, Reward};
use crate::{
    error::{Error, ErrorKind, Result},
    workflow::{Context, Group, SlotDefault, SlotRole, SlotSpec, unerase},
};

/// What may stand in such a table, as Markdown.
pub(crate) const KINDS: &str = include_str!("kinds.md");

/// The slot of judges that ask a model.
static MODEL: [SlotSpec; 1] = [SlotSpec {
    name: "model",
    role: SlotRole::Model,
    default: SlotDefault::None,
    type_name: "Model",
    doc: "The model that judges.",
}];

/// The judges of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Judges {
    single: BTreeMap<String, JuryMember>,
    weighted: BTreeMap<String, Vec<WeightedPart>>,
}

/// A judge of a weighted sum.
#[derive(Clone, Debug)]
pub struct WeightedPart {
    /// Which judge.
    pub source: PartSource,
    /// Its weight.
    pub weight: f64,
}

/// Where a part of a weighted sum comes from.
#[derive(Clone, Debug)]
pub enum PartSource {
    /// A judge of `[judges]` or of the program, by name.
    Named(String),
    /// One written in place.
    Inline(JuryMember),
}

impl Judges {
    /// Reads the tables of `[judges]`; paths in them start at `directory`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every fault.
    pub fn read(tables: &BTreeMap<String, toml::Table>, directory: &Path) -> Result<Self> {
        let (mut judges, mut faults) = (Self::default(), Vec::new());
        for (name, table) in tables {
            if let Err(fault) = judges.add(name, table, directory) {
                faults.push(format!("[judges.{name}]: {fault}"));
            }
        }
        if faults.is_empty() { Ok(judges) } else { Err(Error::new(ErrorKind::Config, faults.join("\n"))) }
    }

    /// The judge of this name that is no weighted sum.
    pub fn member(&self, name: &str) -> Option<&JuryMember> {
        self.single.get(name)
    }

    /// The parts of the weighted sum of this name.
    pub fn parts(&self, name: &str) -> Option<&[WeightedPart]> {
        self.weighted.get(name).map(Vec::as_slice)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.single
            .keys()
            .chain(self.weighted.keys())
            .map(String::as_str)
            .collect::<BTreeSet<_>>()
            .into_iter()
    }

    /// The names that no weighted sum uses as a part.
    pub fn whole(&self) -> Vec<&str> {
        let named = |part: &'_ WeightedPart| match &part.source {
            PartSource::Named(name) => Some(name.clone()),
            PartSource::Inline(_) => None,
        };
        let used: BTreeSet<_> = self.weighted.values().flatten().filter_map(named).collect();
        self.names().filter(|name| !used.contains(*name)).collect()
    }

    fn add(&mut self, name: &str, table: &toml::Table, directory: &Path) -> Result<(), String> {
        if table.get("kind").and_then(toml::Value::as_str) != Some("weighted") {
            let member = member(name, table.clone(), directory)?;
            self.single.insert(name.to_owned(), member);
            return Ok(());
        }
        let Parts { parts, .. } = table::fit(table.clone())?;
        let parts = parts.into_iter().map(|part| read_part(part, directory)).collect::<Result<_, _>>()?;
        self.weighted.insert(name.to_owned(), parts);
        Ok(())
    }
}

fn read_part(part: Part, directory: &Path) -> Result<WeightedPart, String> {
    let Part { weight, judge, name, rest } = part;
    let source = match (judge, name) {
        (Some(judge), None) if rest.is_empty() => PartSource::Named(judge),
        (None, Some(name)) => PartSource::Inline(
            member(&name, rest, directory).map_err(|fault| format!("part `{name}`: {fault}"))?,
        ),
        _ => {
            return Err(
                "a part is { judge = …, weight = … }, or { name = …, kind = …, weight = … }".to_owned()
            );
        }
    };
    Ok(WeightedPart { source, weight })
}

/// The judge of one table.
fn member(name: &str, mut table: toml::Table, directory: &Path) -> Result<JuryMember, String> {
    let reading = Reading::take(&mut table)?;
    let (kind, model) = Kind::read(table, directory)?;
    if kind.needs_reference() && reading.field.is_none() {
        return Err("name the `field` of the row that holds the reference".to_owned());
    }
    if !kind.takes_reference() && reading.field.is_some() {
        return Err("this kind needs no `field`; remove it".to_owned());
    }
    let judge = Arc::new((kind, reading));
    let asks = judge.0.asks_model();
    let mut member = match &judge.0 {
        Kind::Relative(_) => {
            JuryMember::comparing(name, move |judged, context| compare(Arc::clone(&judge), judged, context))
        }
        _ => JuryMember::new(name, move |judged, context| score(Arc::clone(&judge), judged, context)),
    };
    if asks {
        (member.slots, member.model) = (&MODEL, model);
    }
    Ok(member)
}

async fn score(judge: Arc<(Kind, Reading)>, judged: Judged, context: Context) -> Result<Reward> {
    let (kind, reading) = &*judge;
    let (task, response) = (unerase(judged.task)?, unerase(judged.response)?);
    kind.run(&reading.read(&task, &response)?, &context).await
}

async fn compare(judge: Arc<(Kind, Reading)>, judged: Judged, context: Context) -> Result<Vec<Reward>> {
    let (kind, reading) = &*judge;
    let (task, responses) = (unerase(judged.task)?, unerase::<Group<Value>>(judged.response)?);
    let rows = responses.iter().map(|response| reading.read(&task, response));
    kind.compare_all(&rows.collect::<Result<Vec<_>>>()?, &context).await
}

#[cfg(test)]
mod tests;
