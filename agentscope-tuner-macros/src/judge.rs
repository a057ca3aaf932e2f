//! The code of `#[judge]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, ReturnType, spanned::Spanned};

use crate::{
    component::{Component, Owned, Parameter},
    expand::{Private, call, local, meta, slots, supplied},
};

/// Implements `Judge`.
pub(crate) fn implementation(component: &Component, private: Private) -> TokenStream {
    let [task, response] = component.leading() else { return TokenStream::new() };
    let name = component.ident();
    let (task_type, response_type) = (task.owned().ty(private), response.owned().ty(private));
    let (meta, slots, workflow) =
        (meta(component, private), slots(component, private), workflow(component, private));
    let (group, run) = (group(component, private), run(component, [task, response], private));
    let associated = [
        quote_spanned!(task.ty.span()=> type Task = #task_type;),
        quote_spanned!(response.ty.span()=> type Response = #response_type;),
    ];
    quote! {
        #[automatically_derived]
        impl #private::Judge for #name {
            #(#associated)*
            const ENTRY: #private::JudgeEntry = #private::JudgeEntry {
                meta: #meta,
                slots: #slots,
                task: #private::TypeInfo::of::<#task_type>(),
                response: #private::TypeInfo::of::<#response_type>(),
                group: #group,
                workflow: #workflow,
                run: #run,
            };
        }
    }
}

/// The name of the workflow of `for = …`, whose types must be those of the judge.
fn workflow(component: &Component, private: Private) -> TokenStream {
    let Some(path) = &component.options.workflow else {
        return quote!(#private::std::option::Option::None);
    };
    let span = path.span();
    let here = private.at(span);
    let roles = [("Task", "IsTaskOf"), ("Response", "IsResponseOf")];
    let checks = component.leading().iter().zip(roles).map(|(parameter, (role, same))| {
        let (role, same) = (Ident::new(role, span), Ident::new(same, span));
        let ty = parameter.owned().ty(private);
        quote_spanned! {span=>
            let () = <<#path as #here::Workflow>::#role as #here::#same<#ty>>::CHECKED;
        }
    });
    quote! {
        {
            #(#checks)*
            #private::std::option::Option::Some(<#path as #private::Workflow>::ENTRY.meta.name)
        }
    }
}

fn run(component: &Component, [task, response]: [&Parameter; 2], private: Private) -> TokenStream {
    let name = component.ident();
    let [judged, context, local_task, local_response, output] =
        ["judged", "context", "task", "response", "output"].map(local);
    let (locals, slots) = supplied(component, private);
    let (task, response) = (task.owned(), response.owned());
    let (read_task, read_response) = (read(&task, private), read(&response, private));
    let leading = [task.passed(&local_task), response.passed(&local_response)];
    let arguments: Vec<_> = leading.into_iter().chain(slots).collect();
    let call = call(component, &arguments);
    let rewards = rewards(component, private, &output);
    let private = private.at(name.span());
    quote_spanned! {name.span()=>
        |#judged, #context| #private::std::boxed::Box::pin(async move {
            let #local_task = #read_task(#judged.task)?;
            let #local_response = #read_response(#judged.response)?;
            #(#locals)*
            let #output = #call;
            #rewards
        })
    }
}

/// The function that reads a task or response.
fn read(owned: &Owned<'_>, private: Private) -> TokenStream {
    let ty = owned.ty(private);
    match owned {
        Owned::Value(_) => quote!(#private::unerase_owned::<#ty>),
        _ => quote!(#private::unerase::<#ty>),
    }
}

/// Whether the function returns a reward for each response of a group.
fn group(component: &Component, private: Private) -> TokenStream {
    returned(component, private).map_or_else(|| quote!(false), |returned| quote!(#returned::GROUP))
}

/// What the function returned, as rewards.
fn rewards(component: &Component, private: Private, output: &Ident) -> TokenStream {
    returned(component, private)
        .map_or_else(TokenStream::new, |returned| quote!(#returned::into_rewards(#output)))
}

/// The function's return type as one that a judge may have.
fn returned(component: &Component, private: Private) -> Option<TokenStream> {
    let ReturnType::Type(_, returned) = &component.function.signature.output else { return None };
    let here = private.at(returned.span());
    Some(quote_spanned!(returned.span()=> <#returned as #here::JudgeReturn>))
}
