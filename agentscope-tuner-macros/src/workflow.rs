//! The code of `#[workflow]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{ReturnType, spanned::Spanned};

use crate::{
    component::{Component, Owned},
    expand::{Private, call, local, meta, slots, supplied},
};

/// Implements `WorkflowFn`, and so `Workflow`.
pub(crate) fn implementation(component: &Component, private: Private) -> TokenStream {
    let ([task], ReturnType::Type(_, returned)) = (component.leading(), &component.function.signature.output)
    else {
        return TokenStream::new();
    };
    let name = component.ident();
    let (owned, task_type) = (task.owned(), task.owned().ty(private));
    let task = quote_spanned!(task.ty.span()=> type Task = #task_type;);
    let returned = quote_spanned!(returned.span()=> type Return = #returned;);
    let (meta, slots, run) =
        (meta(component, private), slots(component, private), run(component, &owned, private));
    quote! {
        #[automatically_derived]
        impl #private::WorkflowFn for #name {
            #task
            #returned
            const ENTRY: #private::WorkflowEntry = #private::workflow_entry::<#name>(#meta, #slots, #run);
        }
    }
}

/// A closure, so that it is checked together with the entry: what is wrong in both is reported once.
fn run(component: &Component, task: &Owned<'_>, private: Private) -> TokenStream {
    let name = component.ident();
    let [local_task, context] = ["task", "context"].map(local);
    let (locals, slots) = supplied(component, private);
    let private = private.at(name.span());
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
            #private::produce::<#name>(#call)
        })
    }
}
