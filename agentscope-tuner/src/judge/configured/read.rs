//! From a judge's table to its kind.

use std::path::Path;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::{
    kind::Kind,
    table::{fit, take},
};
use crate::{
    judge::builtin::{Bleu, Ignore, Rubric, Schema, Tolerance},
    text::did_you_mean,
};

const KINDS: [&str; 17] = [
    "exact",
    "contains",
    "numeric",
    "choice",
    "regex",
    "json-schema",
    "token-f1",
    "bleu",
    "rouge",
    "edit",
    "time",
    "tokens",
    "cost",
    "rubric",
    "pairwise",
    "relative",
    "weighted",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignoring {
    #[serde(default)]
    ignore: Ignore,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Most {
    most: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default = "four")]
    options: u8,
}

fn four() -> u8 {
    4
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaTable {
    schema: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Criteria {
    criteria: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RubricTable {
    criteria: String,
    lowest: Option<f64>,
    highest: Option<f64>,
    repeats: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Kind {
    /// Reads a table without the settings that all kinds share; also the model that it names.
    pub(super) fn read(mut table: toml::Table, directory: &Path) -> Result<(Self, Option<String>), String> {
        let kind: String = take(&mut table, "kind")?
            .ok_or_else(|| format!("name the `kind` of the judge: {}", KINDS.join(", ")))?;
        let asks = matches!(kind.as_str(), "rubric" | "pairwise" | "relative");
        let model = if asks { take(&mut table, "model")? } else { None };
        if asks && model.is_none() {
            return Err("name the `model` that judges, one of [models]".to_owned());
        }
        let read = match kind.as_str() {
            "exact" => fit::<Ignoring>(table).map(|table| Self::Exact(table.ignore)),
            "contains" => fit::<Ignoring>(table).map(|table| Self::Contains(table.ignore)),
            "numeric" => fit(table).and_then(tolerance),
            "choice" => fit(table).and_then(options),
            "regex" => fit(table).and_then(pattern),
            "json-schema" => fit(table).and_then(|table| schema(table, directory)),
            "token-f1" => fit::<Nothing>(table).map(|Nothing {}| Self::TokenF1),
            "bleu" => fit(table).and_then(checked_bleu),
            "rouge" => fit(table).map(Self::Rouge),
            "edit" => fit::<Nothing>(table).map(|Nothing {}| Self::Edit),
            "time" => most(table).map(Self::Time),
            "tokens" => most(table).map(Self::Tokens),
            "cost" => most(table).map(Self::Cost),
            "rubric" => fit(table).and_then(checked_rubric),
            "pairwise" => fit::<Criteria>(table).map(|table| Self::Pairwise(table.criteria)),
            "relative" => fit::<Criteria>(table).map(|table| Self::Relative(table.criteria)),
            other => Err(format!("there is no kind `{other}`; {}", did_you_mean(other, KINDS))),
        };
        read.map(|kind| (kind, model))
    }
}

fn most(table: toml::Table) -> Result<Option<f64>, String> {
    let Most { most } = fit(table)?;
    match most {
        Some(most) if !(most.is_finite() && most > 0.0) => {
            Err(format!("`most` is {most}, but must be a number above 0"))
        }
        most => Ok(most),
    }
}

fn tolerance(tolerance: Tolerance) -> Result<Kind, String> {
    let Tolerance { absolute, relative } = tolerance;
    match [("absolute", absolute), ("relative", relative)]
        .iter()
        .find(|(_, value)| value.is_nan() || *value < 0.0)
    {
        Some((name, value)) => Err(format!("`{name}` is {value}, but must be at least 0")),
        None => Ok(Kind::Numeric(tolerance)),
    }
}

fn options(Options { options }: Options) -> Result<Kind, String> {
    match options {
        2..=26 => Ok(Kind::Choice(options)),
        _ => Err(format!("`options` is {options}, but must lie in [2, 26]")),
    }
}

fn pattern(Pattern { pattern }: Pattern) -> Result<Kind, String> {
    Regex::new(&pattern)
        .map(Kind::Regex)
        .map_err(|error| format!("`pattern` is no regular expression: {error}"))
}

fn checked_bleu(bleu: Bleu) -> Result<Kind, String> {
    match bleu.smoothing.fault() {
        None => Ok(Kind::Bleu(bleu)),
        Some(fault) => Err(fault),
    }
}

fn schema(SchemaTable { schema }: SchemaTable, directory: &Path) -> Result<Kind, String> {
    let json: Value = match schema {
        toml::Value::String(file) => {
            let path = directory.join(file);
            let unreadable =
                |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
            serde_json::from_str(&text).map_err(|error| unreadable(&error))?
        }
        inline => serde_json::to_value(inline).map_err(|error| error.to_string())?,
    };
    Schema::new(&json).map(Kind::Schema).map_err(|error| error.to_string())
}

fn checked_rubric(table: RubricTable) -> Result<Kind, String> {
    let plain = Rubric::new(table.criteria);
    let rubric = Rubric {
        lowest: table.lowest.unwrap_or(plain.lowest),
        highest: table.highest.unwrap_or(plain.highest),
        repeats: table.repeats.unwrap_or(plain.repeats),
        ..plain
    };
    match rubric.faults().as_slice() {
        [] => Ok(Kind::Rubric(rubric)),
        faults => Err(faults.join("; ")),
    }
}
