//! The code of `#[workflow]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Path, ReturnType, spanned::Spanned};

use crate::{
    component::{Component, Owned},
    expand::{call, local, meta, slots, supplied},
};

/// Implements `Workflow`.
pub(crate) fn implementation(component: &Component, private: &Path) -> TokenStream {
    let ([task], ReturnType::Type(_, returned)) = (component.leading(), &component.function.signature.output)
    else {
        return TokenStream::new();
    };
    let name = component.ident();
    let owned = task.owned();
    let task = owned.ty(private);
    let response = quote_spanned!(returned.span()=> <#returned as #private::WorkflowReturn>::Response);
    let (meta, slots, run) =
        (meta(component, private), slots(component, private), run(component, &owned, private));
    quote! {
        #[automatically_derived]
        impl #private::Workflow for #name {
            type Task = #task;
            type Response = #response;
            const ENTRY: #private::WorkflowEntry = #private::workflow_entry::<#name>(#meta, #slots, #run);
        }
    }
}

/// A closure, so that it is checked together with the entry: what is wrong in both is reported once.
fn run(component: &Component, task: &Owned<'_>, private: &Path) -> TokenStream {
    let name = component.ident();
    let [local_task, context] = ["task", "context"].map(local);
    let (locals, slots) = supplied(component, private);
    let read = match task {
        Owned::Value(_) => quote!(#private::owned_task::<#name>),
        _ => quote!(#private::task::<#name>),
    };
    let arguments: Vec<_> = std::iter::once(task.passed(&local_task)).chain(slots).collect();
    let call = call(component, &arguments);
    quote_spanned! {name.span()=>
        |#local_task, #context| #private::std::boxed::Box::pin(async move {
            let #local_task = #read(#local_task)?;
            #(#locals)*
            #private::WorkflowReturn::produce(#call)
        })
    }
}
