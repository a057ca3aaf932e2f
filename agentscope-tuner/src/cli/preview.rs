//! `preview`: what the rows look like.

use std::process::ExitCode;

use serde_json::json;

use super::{
    args::{Format, PreviewOptions, Which},
    show, usage,
};
use crate::{
    config::Config,
    dataset::{Column, Dataset, Preview},
    error::Result,
    tuner::open_dataset,
};

pub(super) fn preview(config: &Config, format: Format, wanted: &PreviewOptions) -> Result<ExitCode> {
    let preview = dataset(config, wanted)?.preview(wanted.rows)?;
    match format {
        Format::Text => show::line(&as_text(&preview)),
        Format::Json => {
            let rows: Vec<_> =
                preview.rows.iter().map(|row| json!({"id": row.id, "value": row.value})).collect();
            let columns: Vec<_> =
                preview.columns.iter().map(|column| json!({"name": column.name, "types": types(column), "nullable": column.nullable})).collect();
            let splits: Vec<_> = preview
                .splits
                .iter()
                .map(|split| json!({"name": split.name, "rows": split.rows, "bytes": split.bytes}))
                .collect();
            show::json(&json!({"columns": columns, "splits": splits, "rows": rows}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn dataset(config: &Config, wanted: &PreviewOptions) -> Result<Dataset> {
    if let Some(path) = &wanted.path {
        let dataset = Dataset::open(path)?;
        return Ok(wanted.split.iter().fold(dataset, |dataset, split| dataset.split(split)));
    }
    let tables = &config.file.dataset;
    let (table, name) = match wanted.dataset {
        Which::Train => (tables.train.as_ref().or(tables.eval.as_ref()), "train"),
        Which::Eval => (tables.eval.as_ref().or(tables.train.as_ref()), "eval"),
    };
    let table = table.ok_or_else(|| {
        usage(format!("no dataset is configured: write `{name} = {{ path = \"…\" }}` under [dataset] in tuner.toml, or give a path here"))
    })?;
    open_dataset(config, table)
}

fn types(column: &Column) -> Vec<String> {
    column.types.iter().map(ToString::to_string).collect()
}

fn as_text(preview: &Preview) -> String {
    let mut text = String::from("columns\n");
    for column in &preview.columns {
        let or_null = if column.nullable { " or null" } else { "" };
        text += &format!("    {}: {}{or_null}\n", column.name, types(column).join(" or "));
    }
    text += "splits\n";
    for split in &preview.splits {
        let rows = split.rows.map(|rows| format!("{rows} rows, ")).unwrap_or_default();
        let bytes = split.bytes.map(|bytes| format!("{bytes} bytes, ")).unwrap_or_default();
        text += &format!("    {}: {rows}{bytes}{} files\n", split.name, split.files.len());
    }
    for row in &preview.rows {
        text += &format!("{}\n    {}\n", row.id, row.value);
    }
    text.trim_end().to_owned()
}
