//! The code of `#[judge]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use crate::{
    component::{Component, Owned, Parameter},
    expand::{call, local, meta, slots, supplied},
};

/// Implements `Judge`.
pub(crate) fn implementation(component: &Component, private: &Path) -> TokenStream {
    let [task, response] = component.leading() else { return TokenStream::new() };
    let name = component.ident();
    let (task_type, response_type) = (task.owned().ty(private), response.owned().ty(private));
    let (meta, slots, workflow) =
        (meta(component, private), slots(component, private), workflow(component, private));
    let run = run(component, [task, response], private);
    quote! {
        #[automatically_derived]
        impl #private::Judge for #name {
            type Task = #task_type;
            type Response = #response_type;
            const ENTRY: #private::JudgeEntry = #private::JudgeEntry {
                meta: #meta,
                slots: #slots,
                task: #private::TypeInfo::of::<#task_type>(),
                response: #private::TypeInfo::of::<#response_type>(),
                workflow: #workflow,
                run: #run,
            };
        }
    }
}

/// The name of the workflow of `for = …`, whose types must be those of the judge.
fn workflow(component: &Component, private: &Path) -> TokenStream {
    let Some(path) = &component.options.workflow else {
        return quote!(#private::std::option::Option::None);
    };
    let types = component.leading().iter().map(|parameter| parameter.owned().ty(private));
    let checks = types.zip(["Task", "Response"]).map(|(ty, role)| {
        let same = quote::format_ident!("Same{role}");
        let role = quote::format_ident!("{role}");
        quote_spanned! {path.span()=>
            let () = <#ty as #private::#same<<#path as #private::Workflow>::#role>>::SAME;
        }
    });
    quote_spanned! {path.span()=>
        {
            #(#checks)*
            #private::std::option::Option::Some(<#path as #private::Workflow>::ENTRY.meta.name)
        }
    }
}

fn run(component: &Component, [task, response]: [&Parameter; 2], private: &Path) -> TokenStream {
    let name = component.ident();
    let [judged, context, local_task, local_response] = ["judged", "context", "task", "response"].map(local);
    let (locals, slots) = supplied(component, private);
    let (task, response) = (task.owned(), response.owned());
    let (read_task, read_response) = (read(&task, private), read(&response, private));
    let leading = [task.passed(&local_task), response.passed(&local_response)];
    let arguments: Vec<_> = leading.into_iter().chain(slots).collect();
    let call = call(component, &arguments);
    quote_spanned! {name.span()=>
        |#judged, #context| #private::std::boxed::Box::pin(async move {
            let #local_task = #read_task(#judged.task)?;
            let #local_response = #read_response(#judged.response)?;
            #(#locals)*
            #private::JudgeReturn::into_reward(#call)
        })
    }
}

/// The function that reads a task or response.
fn read(owned: &Owned<'_>, private: &Path) -> TokenStream {
    let ty = owned.ty(private);
    match owned {
        Owned::Value(_) => quote_spanned!(ty.span()=> #private::unerase_owned::<#ty>),
        _ => quote_spanned!(ty.span()=> #private::unerase::<#ty>),
    }
}
