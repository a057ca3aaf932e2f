//! The files of a new project.

use std::borrow::Cow;

use crate::{name::Name, source::Source};

/// Path from the project's directory, and content.
pub(crate) type File = (String, Cow<'static, [u8]>);

/// Those that are the same in each project.
const SAME: [(&str, &[u8]); 6] = [
    (".gitignore", include_bytes!("../template/gitignore")),
    ("data/test.jsonl", include_bytes!("../template/data/test.jsonl")),
    ("data/train.jsonl", include_bytes!("../template/data/train.jsonl")),
    ("src/coach.rs", include_bytes!("../template/src/coach.rs")),
    ("src/main.rs", include_bytes!("../template/src/main.rs")),
    ("tuner.toml", include_bytes!("../template/tuner.toml")),
];

/// Those that name the project.
const NAMED: [(&str, &str); 2] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml.in")),
    ("README.md", include_str!("../template/README.md.in")),
];

/// The files of the models of these names, which `models` links to.
macro_rules! models {
    ($($model:literal)*) => {
        [$(models!($model:
            "chat_template.jinja" "config.json" "generation_config.json" "model.safetensors" "tokenizer.json"
            "tokenizer_config.json"
        )),*]
    };
    ($model:literal: $($file:literal)*) => {
        [$((
            concat!("models/", $model, "/", $file),
            include_bytes!(concat!("../models/", $model, "/", $file)) as &[u8],
        )),*]
    };
}

const MODELS: [[(&str, &[u8]); 6]; 3] = models!("mini" "small" "medium");

/// All files of the project `name`, which depends on `source`.
pub(crate) fn files(name: &Name, source: &Source) -> Vec<File> {
    let same = SAME.iter().chain(MODELS.iter().flatten());
    let same = same.map(|(path, content)| ((*path).to_owned(), Cow::Borrowed(*content)));
    let render = |text: &str| text.replace("{{name}}", name.as_str()).replace("{{source}}", &source.keys());
    let named = NAMED.iter().map(|(path, text)| ((*path).to_owned(), Cow::Owned(render(text).into_bytes())));
    same.chain(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in_and_the_manifest_is_sound() {
        let files = files(&Name::parse("my-agent").unwrap(), &Source::Registry);
        let text = |path: &str| {
            let (_, content) = files.iter().find(|(found, _)| found == path).unwrap();
            String::from_utf8(content.to_vec()).unwrap()
        };
        let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-agent"));
        let dependency = &manifest["dependencies"]["agentscope-tuner"];
        assert_eq!(dependency["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
        assert!(text("README.md").starts_with("# my-agent\n"));
        assert!(!text("README.md").contains("{{") && !text("Cargo.toml").contains("{{"));
    }
}
