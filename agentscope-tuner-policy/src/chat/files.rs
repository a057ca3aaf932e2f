//! Where a model directory keeps its chat templates.

use std::{fs, io, path::Path};

use serde_json::{Map, Value};

use super::template::fault;
use crate::error::Result;

/// Templates by name.
pub(super) struct Sources(pub(super) Vec<(String, String)>);

impl Sources {
    /// The templates of the first place that has any, in the order in which `transformers` looks.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>> {
        if let Some(found) = Self::from_files(directory)? {
            return Ok(Some(found));
        }
        for name in ["chat_template.json", "tokenizer_config.json"] {
            let path = directory.join(name);
            let Some(text) = read_text(&path)? else { continue };
            let object: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
                fault(format!("`{}` is not a JSON object", path.display())).with_source(error)
            })?;
            if let Some(field) = object.get("chat_template").filter(|field| !field.is_null()) {
                let found = Self::from_field(field);
                return found.map(Some).ok_or_else(|| {
                    fault(format!(
                        "`chat_template` of `{}` is neither a text nor a list of named ones",
                        path.display()
                    ))
                });
            }
        }
        Ok(None)
    }

    fn from_files(directory: &Path) -> Result<Option<Self>> {
        let mut found = Vec::new();
        if let Some(text) = read_text(&directory.join("chat_template.jinja"))? {
            found.push(("default".to_owned(), text));
        }
        let tool_use = directory.join("additional_chat_templates/tool_use.jinja");
        found.extend(read_text(&tool_use)?.map(|text| ("tool_use".to_owned(), text)));
        Ok(Some(Self(found)).filter(|found| !found.0.is_empty()))
    }

    /// One template, or a list of `{"name": …, "template": …}`.
    fn from_field(field: &Value) -> Option<Self> {
        if let Some(text) = field.as_str() {
            return Some(Self(vec![("default".into(), text.into())]));
        }
        let named = field
            .as_array()?
            .iter()
            .map(|item| Some((item["name"].as_str()?.to_owned(), item["template"].as_str()?.to_owned())));
        named.collect::<Option<Vec<_>>>().filter(|named| !named.is_empty()).map(Self)
    }
}

fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(format!("cannot read `{}`", path.display())).with_source(error)),
    }
}
