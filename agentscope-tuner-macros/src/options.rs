//! The options in the parentheses of an attribute.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    LitStr, Path, Token,
    meta::ParseNestedMeta,
    parse::{Parse, ParseStream, Parser},
};

use crate::{
    component::{Kind, Options},
    errors::Errors,
};

/// Reads the options, keeping on after each mistake.
pub(crate) fn parse(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let parser = syn::meta::parser(|meta| option(kind, &meta, &mut options, errors));
    if let Err(error) = parser.parse2(tokens) {
        let name = kind.name();
        errors.here(error.span(), format!("#[{name}(…)] takes {}, with commas between", kind.options()));
    }
    options
}

fn option(
    kind: Kind,
    meta: &ParseNestedMeta<'_>,
    options: &mut Options,
    errors: &mut Errors,
) -> syn::Result<()> {
    let value = until_comma(meta.input)?;
    let word = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
    match word.as_str() {
        "name" => set(&mut options.name, <LitStr as Parse>::parse, "`name = \"…\"`", meta, value, errors),
        "crate" => set(&mut options.krate, Path::parse_mod_style, "`crate = path`", meta, value, errors),
        "for" if kind == Kind::Judge => {
            set(&mut options.workflow, Path::parse_mod_style, "`for = workflow`", meta, value, errors);
        }
        _ => errors.at(&meta.path, format!("unknown option: #[{}(…)] takes {}", kind.name(), kind.options())),
    }
    Ok(())
}

/// Reads `= value` into `place`.
fn set<T>(
    place: &mut Option<T>,
    parse: fn(ParseStream<'_>) -> syn::Result<T>,
    usage: &str,
    meta: &ParseNestedMeta<'_>,
    value: TokenStream,
    errors: &mut Errors,
) {
    let parser = |input: ParseStream<'_>| input.parse::<Token![=]>().and_then(|_| parse(input));
    match parser.parse2(value.clone()) {
        Ok(_) if place.is_some() => errors.at(&meta.path, "this option is given twice: keep one"),
        Ok(value) => *place = Some(value),
        Err(_) => {
            let after_equals: TokenStream = value.into_iter().skip(1).collect();
            let place = if after_equals.is_empty() { meta.path.to_token_stream() } else { after_equals };
            errors.at(place, format!("this option is written {usage}"));
        }
    }
}

fn until_comma(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}
