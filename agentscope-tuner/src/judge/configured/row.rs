//! Task and response as texts.

use regex::Regex;
use serde_json::Value;

use super::table::take;
use crate::{
    error::{Error, ErrorKind, Result},
    judge::builtin::last_match,
    message::Msg,
    text::did_you_mean,
};

/// Where in a row and a response the texts stand.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The field of the row with the reference.
    pub(super) field: Option<String>,
    response_field: Option<String>,
    extract: Option<Regex>,
}

/// The texts to be judged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The task without the reference, for a model.
    pub(super) task: String,
    /// What is judged.
    pub(super) answer: String,
    /// What it should be; several are alternatives.
    pub(super) references: Vec<Reference>,
}

/// A reference as it stands in the row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reference {
    Text(String),
    /// A number, which a multiple choice takes for the place of the right option.
    Number(String),
}

impl Reference {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

impl Reading {
    /// Takes the settings that all kinds share out of a judge's table.
    pub(super) fn take(table: &mut toml::Table) -> Result<Self, String> {
        let extract: Option<String> = take(table, "extract")?;
        let extract = extract.map(|pattern| Regex::new(&pattern)).transpose();
        Ok(Self {
            field: take(table, "field")?,
            response_field: take(table, "response-field")?,
            extract: extract.map_err(|error| format!("`extract` is no regular expression: {error}"))?,
        })
    }

    /// # Errors
    /// [`ErrorKind::Judge`] when a field is missing or is no text.
    pub(super) fn read(&self, task: &Value, response: &Value) -> Result<Row> {
        let references = match &self.field {
            None => Vec::new(),
            Some(path) => references(at(task, path, "row")?, path)?,
        };
        let response = match &self.response_field {
            None => response,
            Some(path) => at(response, path, "response")?,
        };
        let text = as_text(response);
        // Without a match nothing was answered.
        let answer = match &self.extract {
            None => text,
            Some(pattern) => last_match(&text, pattern).unwrap_or_default().to_owned(),
        };
        Ok(Row { task: self.shown(task), answer, references })
    }

    /// The task for a model: the row without the reference; of an object with one field left, that field.
    fn shown(&self, task: &Value) -> String {
        let Value::Object(fields) = task else { return as_text(task) };
        let reference = self.field.as_deref().and_then(|path| path.split('.').next());
        let others: Vec<_> = fields.iter().filter(|(name, _)| Some(name.as_str()) != reference).collect();
        match others.as_slice() {
            [(_, only)] => as_text(only),
            _ => others
                .iter()
                .map(|(name, value)| format!("{name}: {}", as_text(value)))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}

/// A message's text, a string as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(_) => {
            serde_json::from_value::<Msg>(value.clone()).map_or_else(|_| value.to_string(), |msg| msg.text())
        }
        other => other.to_string(),
    }
}

fn at<'a>(value: &'a Value, path: &str, what: &str) -> Result<&'a Value> {
    path.split('.').try_fold(value, |value, name| {
        value.get(name).ok_or_else(|| {
            let fields =
                value.as_object().map(|fields| fields.keys().map(String::as_str)).into_iter().flatten();
            let hint = did_you_mean(name, fields);
            Error::new(
                ErrorKind::Judge,
                format!("the {what} has no field `{name}`, as `{path}` asks for; {hint}"),
            )
        })
    })
}

fn references(value: &Value, path: &str) -> Result<Vec<Reference>> {
    match value {
        Value::String(text) => Ok(vec![Reference::Text(text.clone())]),
        Value::Number(number) => Ok(vec![Reference::Number(number.to_string())]),
        Value::Bool(flag) => Ok(vec![Reference::Text(flag.to_string())]),
        Value::Array(several) if !several.is_empty() => several
            .iter()
            .map(|one| references(one, path))
            .collect::<Result<Vec<_>>>()
            .map(|all| all.concat()),
        _ => {
            let message = format!(
                "the field `{path}` of the row is {value}, but must be a text, a number, or a list of them"
            );
            Err(Error::new(ErrorKind::Judge, message))
        }
    }
}
