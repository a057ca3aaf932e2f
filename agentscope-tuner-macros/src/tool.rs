//! The code of `#[tool]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, ReturnType, Type, spanned::Spanned};

use crate::{
    component::{Component, bare},
    expand::{Private, call, local, meta},
};

/// Implements `FunctionTool`.
pub(crate) fn implementation(component: &Component, private: Private) -> TokenStream {
    let name = component.ident();
    let (arguments, meta, run) =
        (arguments(component, private), meta(component, private), run(component, private));
    quote! {
        #arguments

        #[automatically_derived]
        impl #private::FunctionTool for #name {
            const ENTRY: #private::ToolEntry = #private::ToolEntry {
                meta: #meta,
                parameters: || {
                    static __SCHEMA: #private::std::sync::LazyLock<#private::serde_json::Value> =
                        #private::std::sync::LazyLock::new(#private::arguments_schema::<__Arguments>);
                    #private::std::clone::Clone::clone(&*__SCHEMA)
                },
                call: #run,
            };
        }
    }
}

/// A struct of the arguments, which reads them and describes itself to the model.
fn arguments(component: &Component, private: Private) -> TokenStream {
    let fields = component.parameters.iter().filter_map(|parameter| {
        let (name, ty) = (parameter.ident()?, parameter.owned().ty(private));
        let docs = &parameter.doc.0;
        Some(quote!(#(#[doc = #docs])* #name: #ty))
    });
    quote! {
        // The derives call `into` as a method, which needs the trait where the prelude is switched off.
        #[allow(unused_imports)]
        use #private::std::convert::Into as _;

        #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
        #[serde(crate = "__tuner::serde", deny_unknown_fields)]
        #[schemars(crate = "__tuner::schemars")]
        struct __Arguments { #(#fields),* }
    }
}

fn run(component: &Component, private: Private) -> TokenStream {
    let name = component.ident();
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
            let #arguments = #private::parse_arguments::<__Arguments>(&#input)?;
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
