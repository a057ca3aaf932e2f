//! Generated code in surroundings that are hard on it: strict lints, shadowed names, macros, nested items.
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    rust_2018_idioms,
    unreachable_pub,
    unused_qualifications,
    warnings,
    clippy::all,
    clippy::pedantic
)]
#![allow(clippy::unused_async, reason = "that of the tests' own functions")]

#[path = "../hygiene/generated.rs"]
mod generated;
#[path = "../hygiene/names.rs"]
mod names;
#[path = "../hygiene/nested.rs"]
mod nested;
#[path = "../hygiene/shadowed.rs"]
mod shadowed;

use agentscope_tuner as tuner;
use agentscope_tuner::{agent::FunctionTool, registry::Registry, workflow::Workflow};
use serde_json::json;

#[test]
fn all_components_are_registered_and_fit() {
    let registry = Registry::collect().unwrap();
    let workflows: Vec<_> = registry.workflows().iter().map(|entry| entry.meta.name).collect();
    let expected = [
        "apart",
        "context",
        "elsewhere",
        "inside",
        "match",
        "model",
        "old",
        "one_up",
        "passed",
        "solve",
        "two_up",
        "written",
    ];
    assert_eq!(workflows, expected);
    assert_eq!(registry.judges().len(), 9);
    assert_eq!(registry.tools().len(), 6);
    assert_eq!(nested::local(), ["inside", "inside-judge", "inside-tool"]);
}

#[test]
fn raw_identifiers_are_named_without_their_mark() {
    let slots: Vec<_> = names::r#match::ENTRY.slots.iter().map(|slot| slot.name).collect();
    assert_eq!((names::r#match::ENTRY.meta.name, slots), ("match", vec!["loop", "use"]));
    let schema = (names::r#move::ENTRY.parameters)();
    assert_eq!(schema["required"], json!(["in"]));
    assert_eq!(schema["properties"]["in"], json!({"type": "string", "description": "Where to."}));
}

#[test]
fn documentation_may_be_computed() {
    let registry = Registry::collect().unwrap();
    let written = registry.workflow(Some("written")).unwrap();
    assert_eq!(written.meta.doc, "Solves String.");
    assert_eq!(written.slots[0].name, "given");
}
