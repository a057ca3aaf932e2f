//! The code of `#[tool]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, ReturnType, Type, spanned::Spanned};

use crate::{
    component::{Component, bare},
    expand::{Private, call, local, meta},
};

/// Implements `FunctionTool`.
pub(crate) fn implementation(component: &Component, private: Private) -> TokenStream {
    let name = component.ident();
    let (declared, arguments) = (declared(component, private), arguments(component, private));
    let (meta, run) = (meta(component, private), run(component, private));
    quote! {
        #declared

        #[automatically_derived]
        impl #private::FunctionTool for #name {
            const ENTRY: #private::ToolEntry = #private::ToolEntry {
                meta: #meta,
                parameters: || {
                    static __SCHEMA: #private::std::sync::LazyLock<#private::serde_json::Value> =
                        #private::std::sync::LazyLock::new(#private::arguments_schema::<#arguments>);
                    #private::std::clone::Clone::clone(&*__SCHEMA)
                },
                call: #run,
            };
        }
    }
}

/// A struct of the arguments, which reads them and describes itself to the model. Generic over their types, so that one
/// that cannot be read is reported where the struct is used, and not by each line of the derives.
fn declared(component: &Component, private: Private) -> TokenStream {
    let names: Vec<_> = generics(component).collect();
    let fields = component.parameters.iter().zip(&names).filter_map(|(parameter, ty)| {
        let (name, docs) = (parameter.ident()?, &parameter.doc.0);
        Some(quote!(#(#[doc = #docs])* #name: #ty))
    });
    quote! {
        // The derives call `into` as a method, which needs the trait where the prelude is switched off.
        #[allow(unused_imports)]
        use #private::std::convert::Into as _;

        #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
        #[serde(crate = "__tuner::serde", deny_unknown_fields)]
        #[schemars(crate = "__tuner::schemars")]
        struct __Arguments<#(#names),*> { #(#fields),* }
    }
}

/// The struct with the types of the arguments, standing where these do, to be blamed for them.
fn arguments(component: &Component, private: Private) -> TokenStream {
    let types: Vec<_> = component.parameters.iter().map(|parameter| parameter.owned().ty(private)).collect();
    let [first, last] = [types.first(), types.last()].map(|ty| ty.map_or(Span::call_site(), Spanned::span));
    let (open, close) = (quote_spanned!(first=> __Arguments<), quote_spanned!(last=> >));
    quote!(#open #(#types),* #close)
}

fn generics(component: &Component) -> impl Iterator<Item = Ident> {
    (0..component.parameters.len()).map(|index| Ident::new(&format!("T{index}"), Span::call_site()))
}

fn run(component: &Component, private: Private) -> TokenStream {
    let (name, types) = (component.ident(), arguments(component, private));
    let [input, arguments] = ["input", "arguments"].map(local);
    let passed = component.parameters.iter().filter_map(|parameter| {
        let field = parameter.ident()?;
        Some(parameter.owned().passed(&quote!(#arguments.#field)))
    });
    let call = call(component, &passed.collect::<Vec<_>>());
    let (answer, span) = match &component.function.signature.output {
        ReturnType::Type(_, ty) if is_result(ty) => (quote!(try_tool_output), ty.span()),
        ReturnType::Type(_, ty) => (quote!(tool_output), ty.span()),
        ReturnType::Default => (quote!(tool_output), name.span()),
    };
    // Stands where the return type does, to be blamed for it.
    let output = Ident::new("__output", span);
    let here = private.at(span);
    let answer = quote_spanned!(span=> #here::#answer(#output));
    let private = private.at(name.span());
    quote_spanned! {name.span()=>
        |#input| #private::std::boxed::Box::pin(async move {
            let #arguments = #private::parse_arguments::<#types>(&#input)?;
            let #output = #call;
            #answer
        })
    }
}

/// Whether the type is called `Result`, as that of `std` and the aliases of most crates are.
fn is_result(ty: &Type) -> bool {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
        _ => false,
    }
}
