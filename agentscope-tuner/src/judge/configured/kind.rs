//! The kinds of judges that a table can name.

use std::path::Path;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::{
    row::{Reference, Row},
    table::{fit, take},
};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::{
        Reward,
        builtin::{
            Bleu, Ignore, Rouge, Rubric, Schema, Tolerance, best, bleu, choice, contains, cost,
            edit_similarity, exact, matches, numeric, pairwise, rouge, rubric, time, token_f1, tokens,
        },
    },
    model::Model,
    text::did_you_mean,
    workflow::{Context, FromContext as _},
};

/// What a judge looks at, with its settings.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Exact(Ignore),
    Contains(Ignore),
    Numeric(Tolerance),
    Choice(u8),
    Regex(Regex),
    Schema(Schema),
    TokenF1,
    Bleu(Bleu),
    Rouge(Rouge),
    Edit,
    Time(Option<f64>),
    Tokens(Option<f64>),
    Cost(Option<f64>),
    Rubric(Rubric),
    Pairwise(String),
}

const KINDS: [&str; 16] = [
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
        let asks = matches!(kind.as_str(), "rubric" | "pairwise");
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
            other => Err(format!("there is no kind `{other}`; {}", did_you_mean(other, KINDS))),
        };
        read.map(|kind| (kind, model))
    }

    /// Whether it cannot do without a reference.
    pub(super) fn needs_reference(&self) -> bool {
        self.takes_reference() && !matches!(self, Self::Rubric(_))
    }

    /// Whether it can make use of a reference.
    pub(super) fn takes_reference(&self) -> bool {
        !matches!(self, Self::Regex(_) | Self::Schema(_) | Self::Time(_) | Self::Tokens(_) | Self::Cost(_))
    }

    /// Whether it asks a model.
    pub(super) fn asks_model(&self) -> bool {
        matches!(self, Self::Rubric(_) | Self::Pairwise(_))
    }

    /// Judges `row`.
    pub(super) async fn run(&self, row: &Row, context: &Context) -> Result<Reward> {
        let Row { task, answer, references } = row;
        let model = || Model::from_context(context, "model");
        match self {
            Self::Regex(pattern) => Ok(matches(answer, pattern)),
            Self::Schema(schema) => Ok(schema.judge(answer)),
            Self::Time(most) => time(context, *most),
            Self::Tokens(most) => tokens(context, *most),
            Self::Cost(most) => cost(context, *most),
            Self::Rubric(by) => {
                rubric(&model()?, task, answer, references.first().map(Reference::text), by).await
            }
            Self::Pairwise(by) => pairwise(&model()?, task, answer, first(references)?, by).await,
            Self::Bleu(options) => {
                let references: Vec<_> = references.iter().map(Reference::text).collect();
                Ok(bleu(answer, &references, options))
            }
            _ => {
                let rewards = references.iter().map(|reference| self.compare(answer, reference));
                Ok(best(rewards.collect::<Result<Vec<_>>>()?, |reward| reward))
            }
        }
    }

    /// Holds `answer` against one reference.
    fn compare(&self, answer: &str, reference: &Reference) -> Result<Reward> {
        let text = reference.text();
        match self {
            Self::Contains(ignore) => Ok(contains(answer, text, ignore)),
            Self::Numeric(tolerance) => numeric(answer, text, tolerance),
            Self::Choice(options) => choice(answer, &letter(reference, *options)?, *options),
            Self::TokenF1 => Ok(token_f1(answer, text)),
            Self::Rouge(options) => Ok(rouge(answer, text, options)),
            Self::Edit => Ok(edit_similarity(answer, text)),
            Self::Exact(ignore) => Ok(exact(answer, text, ignore)),
            _ => Err(Error::new(ErrorKind::Judge, "this kind of judge compares with no reference")),
        }
    }
}

fn first(references: &[Reference]) -> Result<&str> {
    let first = references.first().map(Reference::text);
    first.ok_or_else(|| Error::new(ErrorKind::Judge, "the row has no reference to compare with"))
}

/// The letter of the right option, which a row may also give by its place from 0.
fn letter(reference: &Reference, options: u8) -> Result<String> {
    let Reference::Number(number) = reference else { return Ok(reference.text().to_owned()) };
    match number.parse::<u8>() {
        Ok(place) if place < options => Ok(char::from(b'A' + place).to_string()),
        _ => {
            let message = format!("the reference {number} is no place of an option, 0 to {}", options - 1);
            Err(Error::new(ErrorKind::Judge, message))
        }
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
