//! The rules of annotated functions, one a function: together they are the specification.

use proc_macro2::Span;
use syn::{
    Attribute, GenericArgument, GenericParam, Lifetime, Pat, ReturnType, Safety, Type,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::{
    component::{Component, DefaultKind, DefaultValue, Kind, Owned, Parameter, bare},
    errors::Errors,
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
    for parameter in &component.parameters {
        has_no_cfg(parameter, errors);
        is_lent_shortly(component, parameter, errors);
    }
    for parameter in component.leading() {
        has_no_default(component.kind, parameter, errors);
    }
    match component.kind {
        Kind::Tool => component.parameters.iter().for_each(|parameter| is_an_argument(parameter, errors)),
        _ => component.slots().iter().for_each(|parameter| is_a_slot(parameter, errors)),
    }
}

fn is_annotated_once(component: &Component, errors: &mut Errors) {
    for attribute in component.function.attributes.iter().filter(|attribute| is_ours(attribute)) {
        errors.at(attribute, "a function is one component: remove one of its attributes, and put what they share in a second function");
    }
}

/// Whether `attribute` is `#[workflow]`, `#[judge]` or `#[tool]`.
pub(crate) fn is_ours(attribute: &Attribute) -> bool {
    let ours = [Kind::Workflow, Kind::Judge, Kind::Tool];
    attribute.path().segments.last().is_some_and(|last| ours.iter().any(|kind| last.ident == kind.name()))
        && !matches!(&attribute.meta, syn::Meta::NameValue(_))
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
        errors.at(token, format!("a {name} is not unsafe: the tuner calls it with any task; put `unsafe` blocks inside, with their proof"));
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, format!("a {name} is a Rust function: remove `extern`"));
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(variadic, format!("a {name} takes a fixed number of parameters: remove `...`"));
    }
}

fn is_free(component: &Component, errors: &mut Errors) {
    if let Some(receiver) = &component.receiver {
        let name = component.kind.name();
        let remedy = match component.kind {
            Kind::Tool => "or implement `Tool` for the type, which may hold state",
            _ => "and take what `self` holds from the task or from a slot",
        };
        errors
            .at(receiver, format!("a {name} is a free function: move it out of the `impl` block, {remedy}"));
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
            "a workflow returns `Result<R>` or `Result<WorkflowOutput<R>>`: add `-> Result<R>`, where `R` is what the judge sees"
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
    let mut found = Found::default();
    found.visit_type(ty);
    let name = component.kind.name();
    for span in found.opaque {
        errors.here(
            span,
            format!("the return type of a {name} has a name: write the type that stands behind `impl`"),
        );
    }
    if component.kind == Kind::Workflow {
        for span in found.borrows {
            errors.here(
                span,
                "a response outlives the call, so it cannot borrow: return an owned type, such as `String`",
            );
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
        errors.at(component.ident(), "a tool needs a doc comment (`/// …`): the model sees nothing else of what it does and when to use it");
    }
}

fn has_no_cfg(parameter: &Parameter, errors: &mut Errors) {
    let conditional =
        |attribute: &&Attribute| attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr");
    for attribute in parameter.attributes.iter().filter(conditional) {
        errors.at(
            attribute,
            "a parameter cannot be conditional: write two functions and put `#[cfg(…)]` on them",
        );
    }
}

/// A reference is lent for the call; nothing else in a parameter's type may borrow.
fn is_lent_shortly(component: &Component, parameter: &Parameter, errors: &mut Errors) {
    let name = component.kind.name();
    let inner = match bare(&parameter.ty) {
        Type::Reference(reference) => {
            if let Some(token) = reference.mutability {
                errors.at(token, format!("a {name} cannot change what the tuner lends: take the value itself, as `mut` parameter"));
            }
            if let Some(lifetime) = &reference.lifetime
                && lifetime.ident == "static"
            {
                errors.at(
                    lifetime,
                    "the tuner lends this only for the call: remove `'static`, or take the value itself",
                );
            }
            &*reference.elem
        }
        other => other,
    };
    let mut found = Found::default();
    found.visit_type(inner);
    for span in found.borrows.into_iter().chain(found.statics) {
        errors.here(
            span,
            "only the whole parameter can be a reference: own what is inside, such as `String` or `Vec<T>`",
        );
    }
    for span in found.opaque {
        errors.here(span, format!("a {name} is registered once, so its parameters have one type each: write it out instead of `impl`"));
    }
    if let Type::TraitObject(object) = bare(inner) {
        errors.at(object, "nothing can be read into a trait object: write a concrete type");
    }
}

fn has_no_default(kind: Kind, parameter: &Parameter, errors: &mut Errors) {
    for default in &parameter.defaults {
        let attribute = default.kind.name();
        let filled = match kind {
            Kind::Judge => "the task and the response come from the dataset and the workflow",
            _ => "the task comes from the dataset",
        };
        errors.at(
            &default.attribute,
            format!("{filled}, not from the configuration: #[{attribute}] belongs on a later parameter"),
        );
    }
}

fn is_an_argument(parameter: &Parameter, errors: &mut Errors) {
    for default in &parameter.defaults {
        let attribute = default.kind.name();
        errors.at(
            &default.attribute,
            format!(
                "the model fills every parameter of a tool: #[{attribute}] belongs in a workflow or judge"
            ),
        );
    }
    has_a_name(
        parameter,
        "an argument of a tool needs a name, which the model sees: write `name: Type`, and take it apart inside",
        errors,
    );
}

fn is_a_slot(parameter: &Parameter, errors: &mut Errors) {
    has_a_name(parameter, "a slot needs a name, under which it is configured: write `name: Type`", errors);
    match parameter.owned() {
        Owned::Str => errors.at(&parameter.ty, "the tuner cannot supply a `&str`: take a `Prompt`, which dereferences to `str`"),
        Owned::Slice(_) => errors.at(&parameter.ty, "the tuner cannot supply a slice: take `Demos`, or a type of your own that implements `FromContext`"),
        Owned::Value(_) | Owned::Borrowed(_) => {}
    }
    if let [_, second, ..] = parameter.defaults.as_slice() {
        errors.at(&second.attribute, "a slot has one default: remove one of the attributes");
    }
    for default in &parameter.defaults {
        has_a_text(default.kind, default.value.as_ref(), errors);
    }
}

fn has_a_name(parameter: &Parameter, remedy: &str, errors: &mut Errors) {
    match &parameter.pattern {
        Pat::Ident(_) => {}
        other => errors.at(other, remedy),
    }
}

fn has_a_text(kind: DefaultKind, value: Option<&DefaultValue>, errors: &mut Errors) {
    let Some(DefaultValue::Text(literal) | DefaultValue::File(literal)) = value else { return };
    if literal.value().trim().is_empty() {
        let name = kind.name();
        errors.at(
            literal,
            format!(
                "this default is empty: write {}, or remove #[{name}] so that tuner.toml must fill the slot",
                kind.usage()
            ),
        );
    }
}

/// Places in a type that borrow, and places that hide a type.
#[derive(Default)]
struct Found {
    borrows: Vec<Span>,
    /// Borrows for `'static`.
    statics: Vec<Span>,
    opaque: Vec<Span>,
}

impl<'ast> Visit<'ast> for Found {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        let lasting = reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static");
        let places = if lasting { &mut self.statics } else { &mut self.borrows };
        places.push(reference.and_token.span());
        self.visit_type(&reference.elem);
    }

    fn visit_generic_argument(&mut self, argument: &'ast GenericArgument) {
        match argument {
            GenericArgument::Lifetime(Lifetime { ident, .. }) if ident == "static" => {}
            GenericArgument::Lifetime(lifetime) => self.borrows.push(lifetime.span()),
            other => visit::visit_generic_argument(self, other),
        }
    }

    /// What a function pointer takes and gives is not held by it.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}

    fn visit_type_impl_trait(&mut self, opaque: &'ast syn::TypeImplTrait) {
        self.opaque.push(opaque.impl_token.span());
    }
}
