//! What the code of workflows, judges and tools has in common.
//!
//! The function stays as it is. Beside it stand a type of its name, so that generic code can name it, and a
//! constant that implements a trait for that type and registers it. Inside, all paths go through `__tuner`, which
//! is `__private` of the library, so that nothing depends on what is imported or shadowed around the function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, Type, ext::IdentExt, spanned::Spanned};

use crate::{
    check,
    component::{Component, DefaultValue, Doc, Kind, Owned, Parameter, SlotDefault},
    errors::Errors,
    judge, parse, tool, workflow,
};

/// The whole of an attribute: parse, check, expand.
pub(crate) fn annotate(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut component) = parse::component(kind, options, item.clone(), &mut errors) else {
        // The item is kept, so that what depends on it does not fail too.
        return [Some(item), errors.into_tokens()].into_iter().flatten().collect();
    };
    check::check(&component, &mut errors);
    match errors.into_tokens() {
        Some(errors) => {
            component.function.attributes.retain(|attribute| !check::is_ours(attribute));
            let function = component.function;
            quote!(#function #errors)
        }
        None => {
            let (function, generated) = (&component.function, generated(&component));
            quote!(#function #generated)
        }
    }
}

/// All that stands beside the function.
fn generated(component: &Component) -> TokenStream {
    let (krate, private) = (component.krate(), Private(Span::call_site()));
    let (name, visibility) = (component.ident(), &component.function.visibility);
    let (implementation, interface) = match component.kind {
        Kind::Workflow => (workflow::implementation(component, private), "WorkflowFn"),
        Kind::Judge => (judge::implementation(component, private), "Judge"),
        Kind::Tool => (tool::implementation(component, private), "FunctionTool"),
    };
    let interface = Ident::new(interface, Span::call_site());
    quote! {
        // With braces, so that it takes only the name of a type and leaves that of a value to the function.
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types, unreachable_pub)]
        #visibility struct #name {}

        #[allow(deprecated, non_upper_case_globals, unused_qualifications, clippy::absolute_paths)]
        const _: () = {
            use #krate::__private as #private;

            #implementation

            #private::inventory::submit! { <#name as #private::#interface>::ENTRY }
        };
    }
}

/// The name of the library inside the constant, as if it stood at a place of the user's code: the compiler then
/// blames what stands there.
#[derive(Clone, Copy)]
pub(crate) struct Private(Span);

impl Private {
    pub(crate) fn at(self, span: Span) -> Self {
        Self(span)
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        Ident::new("__tuner", self.0).to_tokens(tokens);
    }
}

/// The value of `Meta`.
pub(crate) fn meta(component: &Component, private: Private) -> TokenStream {
    let (name, doc) = (component.name(), component.doc.text(private));
    quote! {
        #private::Meta {
            name: #name,
            doc: #doc,
            module: #private::std::module_path!(),
            location: #private::Location {
                file: #private::std::file!(),
                line: #private::std::line!(),
                column: #private::std::column!(),
            },
        }
    }
}

/// The values of `SlotSpec`, in the order of the parameters.
pub(crate) fn slots(component: &Component, private: Private) -> TokenStream {
    let slots = component.slots().iter().map(|slot| {
        let (name, ty, doc) = (slot_name(slot), slot.owned().ty(private), slot.doc.text(private));
        let default = default(slot, private);
        let role = quote_spanned!(slot.ty.span()=> <#ty as #private::FromContext>::ROLE);
        quote! {
            #private::SlotSpec {
                name: #name,
                role: #role,
                default: #default,
                type_name: #private::std::stringify!(#ty),
                doc: #doc,
            }
        }
    });
    quote!(&[#(#slots),*])
}

/// The value of `SlotDefault`, checked against the role of the slot's type.
fn default(slot: &Parameter, private: Private) -> TokenStream {
    let Some(SlotDefault { attribute, kind, value: Some(value) }) = slot.defaults.first() else {
        return quote!(#private::SlotDefault::None);
    };
    let text = match value {
        DefaultValue::Text(text) => text.to_token_stream(),
        DefaultValue::File(file) => included(file, private),
    };
    let (name, ty) = (kind.name(), slot.owned().ty(private));
    let fault = format!(
        "#[{name}(…)] gives a default to a slot that holds a {name}; `{}: {}` does not",
        slot_name(slot),
        spaceless(&slot.ty)
    );
    let variant = Ident::new(kind.variant(), Span::call_site());
    let span = attribute.path().span();
    let private = private.at(span);
    quote_spanned! {span=>
        #private::slot_default(
            #private::SlotDefault::#variant(#text),
            <#ty as #private::FromContext>::ROLE,
            #fault,
        )
    }
}

/// The text of a file, without the line break that editors put at its end.
fn included(file: &syn::LitStr, private: Private) -> TokenStream {
    let span = file.span();
    let private = private.at(span);
    quote_spanned! {span=>
        #private::std::include_str!(
            #private::std::concat!(#private::std::env!("CARGO_MANIFEST_DIR"), "/", #file)
        ).trim_ascii_end()
    }
}

/// Locals that own what the slots supply, and how each is passed to the function.
pub(crate) fn supplied(component: &Component, private: Private) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let context = local("context");
    let supplied = component.slots().iter().enumerate().map(|(index, slot)| {
        let local = local(&format!("slot{index}"));
        let (name, owned) = (slot_name(slot), slot.owned());
        let ty = owned.ty(private);
        let value =
            quote_spanned!(slot.ty.span()=> <#ty as #private::FromContext>::from_context(&#context, #name)?);
        (quote!(let #local = #value;), owned.passed(&local))
    });
    supplied.unzip()
}

/// A name for a local that no code of the user can mean, whatever macro the tokens around it come from.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// The call of the function.
pub(crate) fn call(component: &Component, arguments: &[TokenStream]) -> TokenStream {
    let name = component.ident();
    quote_spanned!(name.span()=> #name(#(#arguments),*).await)
}

/// A type as a person would write it.
fn spaceless(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string();
    text.replace(" :: ", "::").replace(" < ", "<").replace(" >", ">").replace("& ", "&").replace(" ,", ",")
}

fn slot_name(slot: &Parameter) -> String {
    slot.ident().map(|ident| ident.unraw().to_string()).unwrap_or_default()
}

impl Owned<'_> {
    /// The type to own.
    pub(crate) fn ty(&self, private: Private) -> TokenStream {
        match self {
            Self::Value(ty) | Self::Borrowed(ty) => Type::to_token_stream(ty),
            Self::Str => quote!(#private::std::string::String),
            Self::Slice(item) => quote!(#private::std::vec::Vec<#item>),
        }
    }

    /// `local`, which holds the owned value, as the function takes it.
    pub(crate) fn passed(&self, local: &impl ToTokens) -> TokenStream {
        match self {
            Self::Value(_) => local.to_token_stream(),
            _ => quote!(&#local),
        }
    }
}

impl Doc {
    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|line| literal(line).is_some_and(|text| text.trim().is_empty()))
    }

    /// A constant expression for the text.
    pub(crate) fn text(&self, private: Private) -> TokenStream {
        let lines: Option<Vec<_>> = self.0.iter().map(literal).collect();
        match lines {
            Some(lines) => unindented(&lines).to_token_stream(),
            // `#[doc = include_str!("…")]`: only the compiler can read it.
            None => {
                let lines = &self.0;
                quote!(#private::std::concat!(#(#lines, "\n"),*).trim_ascii())
            }
        }
    }
}

fn literal(line: &Expr) -> Option<String> {
    match line {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// The lines as one text, without the space after `///`.
fn unindented(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().flat_map(|line| line.split('\n')).collect();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = filled.map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or(0);
    let cut = lines.iter().map(|line| line.get(indent..).unwrap_or_default().trim_end());
    cut.collect::<Vec<_>>().join("\n").trim().to_owned()
}
