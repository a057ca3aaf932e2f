//! The kinds of judges that a table can name, and how they judge.

use regex::Regex;

use super::row::{Reference, Row};
use crate::{
    error::{Error, ErrorKind, Result},
    judge::{
        Reward,
        builtin::{
            Bleu, Ignore, Relative, Rouge, Rubric, Schema, Tolerance, best, bleu, choice, contains, cost,
            edit_similarity, exact, matches, numeric, pairwise, relative, rouge, rubric, time, token_f1,
            tokens,
        },
    },
    model::Model,
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
    Relative(String),
}

impl Kind {
    /// Whether it cannot do without a reference.
    pub(super) fn needs_reference(&self) -> bool {
        self.takes_reference() && !matches!(self, Self::Rubric(_))
    }

    /// Whether it can make use of a reference.
    pub(super) fn takes_reference(&self) -> bool {
        !matches!(
            self,
            Self::Regex(_)
                | Self::Schema(_)
                | Self::Time(_)
                | Self::Tokens(_)
                | Self::Cost(_)
                | Self::Relative(_)
        )
    }

    /// Whether it asks a model.
    pub(super) fn asks_model(&self) -> bool {
        matches!(self, Self::Rubric(_) | Self::Pairwise(_) | Self::Relative(_))
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

    /// Judges the responses to one row, by holding them against each other.
    pub(super) async fn compare_all(&self, rows: &[Row], context: &Context) -> Result<Vec<Reward>> {
        let (Self::Relative(criteria), Some(first)) = (self, rows.first()) else {
            return Err(Error::new(ErrorKind::Judge, "this kind of judge scores one response"));
        };
        let answers: Vec<_> = rows.iter().map(|row| row.answer.as_str()).collect();
        let by = Relative { criteria: criteria.clone(), seed: context.seed() };
        relative(&Model::from_context(context, "model")?, &first.task, &answers, &by).await
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
