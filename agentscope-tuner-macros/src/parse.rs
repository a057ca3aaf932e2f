//! From tokens to a [`Component`], keeping on after each mistake.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{
    Attribute, Expr, FnArg, LitStr, Meta, Token,
    parse::{Parse, ParseStream, Parser},
};

use crate::{
    component::{Component, DefaultKind, DefaultValue, Doc, Function, Kind, Parameter, SlotDefault},
    errors::Errors,
    options,
};

/// Reads the function below the attribute; `None` when it is none.
pub(crate) fn component(
    kind: Kind,
    options: TokenStream,
    item: TokenStream,
    errors: &mut Errors,
) -> Option<Component> {
    let options = options::parse(kind, options, errors);
    let Ok(mut function) = syn::parse2::<Function>(item.clone()) else {
        not_a_function(kind, item, errors);
        return None;
    };
    let doc = Doc::of(&function.attributes);
    let (mut receiver, mut parameters) = (None, Vec::new());
    for argument in &mut function.signature.inputs {
        match argument {
            FnArg::Receiver(found) => receiver = Some(found.clone()),
            FnArg::Typed(typed) => parameters.push(parameter(typed, errors)),
        }
    }
    Some(Component { kind, options, function, doc, receiver, parameters })
}

/// Takes our attributes off a parameter: the compiler would refuse them.
fn parameter(typed: &mut syn::PatType, errors: &mut Errors) -> Parameter {
    let doc = Doc::of(&typed.attrs);
    let defaults = typed.attrs.iter().filter_map(|attribute| slot_default(attribute, errors)).collect();
    typed.attrs.retain(|attribute| !attribute.path().is_ident("doc") && default_kind(attribute).is_none());
    let (pattern, ty) = ((*typed.pat).clone(), (*typed.ty).clone());
    Parameter { pattern, ty, doc, defaults, attributes: typed.attrs.clone() }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let (visibility, signature) = (input.parse()?, input.parse()?);
        // Taken as it is: a body that does not parse yet, because it is being typed, shall not break the rest.
        match input.parse()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                Ok(Self { attributes, visibility, signature, body: TokenTree::Group(body).into() })
            }
            other => Err(syn::Error::new(other.span(), "expected the body of a function")),
        }
    }
}

impl Doc {
    /// The doc comment among `attributes`.
    fn of(attributes: &[Attribute]) -> Self {
        let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(doc) if doc.path.is_ident("doc") => Some(doc.value.clone()),
            _ => None,
        });
        Self(lines.collect::<Vec<Expr>>())
    }
}

fn not_a_function(kind: Kind, item: TokenStream, errors: &mut Errors) {
    let word = |token: &TokenTree| matches!(token, TokenTree::Ident(_));
    let span = item.into_iter().find(word).map_or_else(Span::call_site, |token| token.span());
    errors.here(span, format!("#[{}] belongs on an async function that has a body", kind.name()));
}

fn default_kind(attribute: &Attribute) -> Option<DefaultKind> {
    let kinds = [DefaultKind::Prompt, DefaultKind::Model];
    kinds.into_iter().find(|kind| attribute.path().is_ident(kind.name()))
}

/// Reads `#[prompt(…)]` or `#[model(…)]`.
fn slot_default(attribute: &Attribute, errors: &mut Errors) -> Option<SlotDefault> {
    let kind = default_kind(attribute)?;
    let value = match &attribute.meta {
        Meta::List(list) => default_value(kind).parse2(list.tokens.clone()).ok(),
        _ => None,
    };
    if value.is_none() {
        errors.at(attribute, format!("write {}", kind.usage()));
    }
    Some(SlotDefault { attribute: attribute.clone(), kind, value })
}

fn default_value(kind: DefaultKind) -> impl Parser<Output = DefaultValue> {
    move |input: ParseStream<'_>| {
        let is_file = kind == DefaultKind::Prompt && !input.peek(syn::Lit);
        if is_file {
            input.parse::<file>()?;
            input.parse::<Token![=]>()?;
        }
        let literal: LitStr = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(if is_file { DefaultValue::File(literal) } else { DefaultValue::Text(literal) })
    }
}

syn::custom_keyword!(file);
