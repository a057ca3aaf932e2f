//! The rules of parameters.

use syn::{Attribute, Lifetime, Pat, Type, TypeReference};

use super::types::Found;
use crate::{
    component::{Component, DefaultValue, Kind, Owned, Parameter, SlotDefault, bare},
    errors::Errors,
};

/// Checks every parameter, each by what fills it.
pub(super) fn check(component: &Component, errors: &mut Errors) {
    for parameter in &component.parameters {
        is_unconditional(parameter, errors);
        is_lent_shortly(component.kind, parameter, errors);
        if component.kind == Kind::Tool {
            is_an_argument(parameter, errors);
        }
    }
    for parameter in component.leading() {
        has_no_default(component.kind, parameter, errors);
    }
    for parameter in component.slots() {
        is_a_slot(parameter, errors);
    }
}

fn is_unconditional(parameter: &Parameter, errors: &mut Errors) {
    let conditional =
        |attribute: &&Attribute| ["cfg", "cfg_attr"].iter().any(|cfg| attribute.path().is_ident(cfg));
    for attribute in parameter.attributes.iter().filter(conditional) {
        let rule = "a parameter cannot be conditional";
        errors.at(attribute, format!("{rule}: write two functions and put `#[cfg(…)]` on them"));
    }
}

/// A reference is lent for the call; nothing else in a parameter's type may borrow.
fn is_lent_shortly(kind: Kind, parameter: &Parameter, errors: &mut Errors) {
    let inner = match bare(&parameter.ty) {
        Type::Reference(reference) => {
            is_a_plain_reference(kind, reference, errors);
            &*reference.elem
        }
        other => other,
    };
    let (found, name) = (Found::within(inner), kind.name());
    for span in found.borrows.into_iter().chain(found.statics) {
        let rule = "only the whole parameter can be a reference";
        errors.here(span, format!("{rule}: own what is inside, such as `String` or `Vec<T>`"));
    }
    for span in found.opaque {
        let rule = format!("a {name} is registered once, so its parameters have one type each");
        errors.here(span, format!("{rule}: write it out instead of `impl`"));
    }
    if let Type::TraitObject(object) = bare(inner) {
        errors.at(object, "nothing can be read into a trait object: write a concrete type");
    }
}

fn is_a_plain_reference(kind: Kind, reference: &TypeReference, errors: &mut Errors) {
    if let Some(token) = reference.mutability {
        let rule = format!("a {} cannot change what it is lent", kind.name());
        errors.at(token, format!("{rule}: take the value itself, as a `mut` parameter"));
    }
    // Any other lifetime is declared by the function, which is a mistake of its own.
    if let Some(lifetime @ Lifetime { ident, .. }) = &reference.lifetime
        && ident == "static"
    {
        errors.at(lifetime, "this is lent for the call alone: remove `'static`, or take the value itself");
    }
}

fn has_no_default(kind: Kind, parameter: &Parameter, errors: &mut Errors) {
    let filled = match kind {
        Kind::Judge => "the task and the response come from the dataset and the workflow",
        _ => "the task comes from the dataset",
    };
    for default in &parameter.defaults {
        let remedy = format!("#[{}] belongs on a later parameter", default.kind.name());
        errors.at(&default.attribute, format!("{filled}, not from the configuration: {remedy}"));
    }
}

fn is_an_argument(parameter: &Parameter, errors: &mut Errors) {
    for default in &parameter.defaults {
        let remedy = format!("#[{}] belongs in a workflow or judge", default.kind.name());
        errors.at(&default.attribute, format!("the model fills every parameter of a tool: {remedy}"));
    }
    if !matches!(parameter.pattern, Pat::Ident(_)) {
        let rule = "an argument of a tool needs a name, which the model sees";
        errors.at(&parameter.pattern, format!("{rule}: write `name: Type`, and take it apart inside"));
    }
}

fn is_a_slot(parameter: &Parameter, errors: &mut Errors) {
    if !matches!(parameter.pattern, Pat::Ident(_)) {
        let rule = "a slot needs a name, under which it is configured";
        errors.at(&parameter.pattern, format!("{rule}: write `name: Type`"));
    }
    let supplied = match parameter.owned() {
        Owned::Str => "a `&str`: take a `Prompt`, which dereferences to `str`",
        Owned::Slice(_) => "a slice: take `Demos`, or a type of your own that implements `FromContext`",
        Owned::Value(_) | Owned::Borrowed(_) => "",
    };
    if !supplied.is_empty() {
        errors.at(&parameter.ty, format!("the tuner cannot supply {supplied}"));
    }
    if let [_, second, ..] = parameter.defaults.as_slice() {
        errors.at(&second.attribute, "a slot has one default: remove one of the attributes");
    }
    for default in &parameter.defaults {
        has_a_text(default, errors);
    }
}

fn has_a_text(default: &SlotDefault, errors: &mut Errors) {
    let Some(DefaultValue::Text(literal) | DefaultValue::File(literal)) = &default.value else { return };
    if literal.value().trim().is_empty() {
        let (usage, name) = (default.kind.usage(), default.kind.name());
        let remedy = format!("or remove #[{name}] so that tuner.toml must fill the slot");
        errors.at(literal, format!("this default is empty: write {usage}, {remedy}"));
    }
}
