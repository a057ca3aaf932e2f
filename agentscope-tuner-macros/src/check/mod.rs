//! The rules of annotated functions, one a function: together they are the specification.

mod parameter;
mod types;

use syn::{Attribute, GenericParam, Meta, ReturnType, Safety};

use self::types::Found;
use crate::{
    component::{Component, Kind},
    errors::Errors,
    place,
};

/// Checks all rules that the tokens show; the compiler checks the others on the code that is written.
pub(crate) fn check(component: &Component, errors: &mut Errors) {
    is_annotated_once(component, errors);
    is_async(component, errors);
    is_plain(component, errors);
    is_free(component, errors);
    is_concrete(component, errors);
    has_leading_parameters(component, errors);
    has_a_return_type(component, errors);
    returns_owned_values(component, errors);
    is_named_well(component, errors);
    has_a_description(component, errors);
    parameter::check(component, errors);
}

fn is_annotated_once(component: &Component, errors: &mut Errors) {
    for attribute in component.function.attributes.iter().filter(|attribute| is_ours(attribute)) {
        errors.at(
            attribute,
            "a function is one component: remove one of its attributes, and put what they share in a second \
             function",
        );
    }
}

/// Whether `attribute` is `#[workflow]`, `#[judge]` or `#[tool]`, and not that of another crate.
pub(crate) fn is_ours(attribute: &Attribute) -> bool {
    let segments = &attribute.path().segments;
    let ours = segments.len() == 1 || segments.first().is_some_and(|first| first.ident == "agentscope_tuner");
    let named = |kind: &Kind| segments.last().is_some_and(|last| last.ident == kind.name());
    let kinds = [Kind::Workflow, Kind::Judge, Kind::Tool];
    ours && kinds.iter().any(named) && !matches!(attribute.meta, Meta::NameValue(_))
}

fn is_async(component: &Component, errors: &mut Errors) {
    let signature = &component.function.signature;
    if signature.asyncness.is_none() {
        let name = component.kind.name();
        errors.at(signature.fn_token, format!("a {name} is async: write `async fn`"));
    }
}

fn is_plain(component: &Component, errors: &mut Errors) {
    let (signature, name) = (&component.function.signature, component.kind.name());
    if let Some(token) = signature.constness {
        errors.at(token, format!("a {name} is not const: remove `const`"));
    }
    if let Safety::Unsafe(token) = signature.safety {
        let remedy = "anything may call it: put `unsafe` blocks inside, each with its proof";
        errors.at(token, format!("a {name} is not unsafe, {remedy}"));
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, format!("a {name} is a Rust function: remove `extern`"));
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(variadic, format!("a {name} takes a fixed number of parameters: remove `...`"));
    }
}

fn is_free(component: &Component, errors: &mut Errors) {
    let rule = format!("a {} is a free function: move it out of the `impl` block", component.kind.name());
    if let Some(receiver) = &component.receiver {
        let remedy = match component.kind {
            Kind::Tool => "or implement `Tool` for the type, which may hold state",
            _ => "and take what `self` holds from the task or from a slot",
        };
        errors.at(receiver, format!("{rule}, {remedy}"));
    } else if place::is_associated(component.ident()) {
        errors.at(component.ident(), rule);
    }
}

fn is_concrete(component: &Component, errors: &mut Errors) {
    let (generics, name) = (&component.function.signature.generics, component.kind.name());
    for parameter in &generics.params {
        let remedy = match parameter {
            GenericParam::Lifetime(_) => "leave the lifetime out, what it borrows is lent for the call",
            _ => "write the type out, and put what is shared in a generic function that it calls",
        };
        errors.at(parameter, format!("a {name} is registered once, so it cannot be generic: {remedy}"));
    }
    if let Some(clause) = &generics.where_clause {
        errors.at(clause, format!("a {name} is not generic: remove the `where` clause"));
    }
}

fn has_leading_parameters(component: &Component, errors: &mut Errors) {
    let signature = &component.function.signature;
    let missing = match (component.kind, component.parameters.len()) {
        (Kind::Workflow, 0) => {
            "a workflow takes the task first: `task: MyTask`, a type that a row of the dataset is read into"
        }
        (Kind::Judge, 0) => {
            "a judge takes the task and the response first: `task: &MyTask, response: &MyResponse`"
        }
        (Kind::Judge, 1) => {
            "a judge takes the response second, of the type that the workflow returns: `response: &MyResponse`"
        }
        _ => return,
    };
    errors.here(signature.paren_token.span.close(), missing);
}

fn has_a_return_type(component: &Component, errors: &mut Errors) {
    let signature = &component.function.signature;
    let remedy = match component.kind {
        Kind::Workflow => {
            "a workflow returns `Result<R>` or `Result<WorkflowOutput<R>>`: add `-> Result<R>`, where `R` is \
             what the judge sees"
        }
        Kind::Judge => "a judge returns `bool`, `f64`, `Reward`, or a `Result` of one of them: add `-> bool`",
        Kind::Tool => return,
    };
    if matches!(signature.output, ReturnType::Default) {
        errors.here(signature.paren_token.span.close(), remedy);
    }
}

fn returns_owned_values(component: &Component, errors: &mut Errors) {
    let ReturnType::Type(_, ty) = &component.function.signature.output else { return };
    let found = Found::within(ty);
    let name = component.kind.name();
    for span in found.opaque {
        let rule = format!("the return type of a {name} has a name");
        errors.here(span, format!("{rule}: write the type that stands behind `impl`"));
    }
    if component.kind == Kind::Workflow {
        for span in found.borrows {
            let rule = "a response outlives the call, so it cannot borrow";
            errors.here(span, format!("{rule}: return an owned type, such as `String`"));
        }
    }
}

fn is_named_well(component: &Component, errors: &mut Errors) {
    let name = component.name();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
        return;
    }
    let rule = "a name is 1 to 64 ASCII letters, digits, `_` or `-`";
    match &component.options.name {
        Some(literal) => errors.at(literal, rule),
        None => {
            let kind = component.kind.name();
            errors.at(component.ident(), format!("{rule}: give another with #[{kind}(name = \"…\")]"));
        }
    }
}

fn has_a_description(component: &Component, errors: &mut Errors) {
    if component.kind == Kind::Tool && component.doc.is_empty() {
        errors.at(
            component.ident(),
            "a tool needs a doc comment (`/// …`): nothing else tells the model what it does and when to use it",
        );
    }
}
