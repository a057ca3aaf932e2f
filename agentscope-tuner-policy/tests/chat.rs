//! Chat templates against transformers: texts that its `apply_chat_template` rendered (`fixtures/chat.py`).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{collections::BTreeMap, env, fs, path::Path};

use agentscope_tuner_policy::chat::{BuiltIn, ChatTemplate, Conversation};
use common::fixtures;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// A conversation of `conversations.json`.
#[derive(Deserialize)]
struct Case {
    messages: Vec<Value>,
    tools: Option<Vec<Value>>,
    add_generation_prompt: bool,
    variables: Map<String, Value>,
}

/// What a template makes of them; none where it refuses.
#[derive(Deserialize)]
struct Rendered {
    variables: Map<String, Value>,
    rendered: BTreeMap<String, Option<String>>,
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn cases() -> BTreeMap<String, Case> {
    read(&fixtures().join("conversations.json"))
}

fn render(template: &ChatTemplate, case: &Case, more: &Map<String, Value>) -> Result<String, String> {
    let set =
        more.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone()));
    let conversation = Conversation {
        messages: &case.messages,
        tools: case.tools.as_deref(),
        add_generation_prompt: case.add_generation_prompt,
        variables: set.chain(case.variables.clone()).collect(),
    };
    template
        .render(&conversation)
        .map_err(|error| format!("{error}: {:?}", std::error::Error::source(&error)))
}

#[test]
fn built_in_templates_render_what_the_families_own_ones_do() {
    let cases = cases();
    let families: BTreeMap<String, Rendered> = read(&fixtures().join("chat.json"));
    for (family, built_in) in [
        ("chatml", BuiltIn::ChatMl),
        ("qwen3", BuiltIn::Qwen3),
        ("llama3", BuiltIn::Llama3),
        ("mistral", BuiltIn::Mistral),
    ] {
        let template = ChatTemplate::new(built_in.source()).unwrap();
        let expected = &families[family];
        assert!(expected.rendered.len() > 15);
        for (name, text) in &expected.rendered {
            let ours = render(&template, &cases[name], &expected.variables);
            assert_eq!(ours.as_ref(), Ok(text.as_ref().unwrap()), "{family}: {name}");
        }
    }
}

/// `fixtures/README.md` says how to fill the folder.
#[test]
fn templates_of_others_render_as_in_transformers() {
    let Some(folder) = env::var_os("CHAT_TEMPLATES") else { return };
    let cases = cases();
    let mut faults = Vec::new();
    let mut same = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jinja") {
            continue;
        }
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let template = match ChatTemplate::new(&fs::read_to_string(&path).unwrap()) {
            Ok(template) => template,
            Err(error) => {
                faults.push(format!("{file}: {error:?}"));
                continue;
            }
        };
        let expected: Rendered = read(&path.with_extension("json"));
        for (name, text) in &expected.rendered {
            match (render(&template, &cases[name], &expected.variables), text) {
                (Ok(ours), Some(theirs)) if ours == *theirs => same += 1,
                (Err(_), None) => same += 1,
                (ours, theirs) => faults.push(format!("{file}: {name}\n  {ours:?}\n  {theirs:?}")),
            }
        }
    }
    assert!(faults.is_empty(), "{same} the same, but\n{}", faults.join("\n"));
    assert!(same > 0, "the folder holds no template");
}
