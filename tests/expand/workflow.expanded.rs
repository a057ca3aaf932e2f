/// Solves one problem.
pub async fn solve(task: MathTask, model: Model, system: &Prompt) -> Result<Msg> {
    model.ask(task.question).await
}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types, unreachable_pub)]
pub struct solve {}
#[allow(
    deprecated,
    non_upper_case_globals,
    unused_qualifications,
    clippy::absolute_paths
)]
const _: () = {
    #[automatically_derived]
    impl ::agentscope_tuner::__private::WorkflowFn for solve {
        type Task = MathTask;
        type Return = Result<Msg>;
        const ENTRY: ::agentscope_tuner::__private::WorkflowEntry = ::agentscope_tuner::__private::workflow_entry::<
            solve,
        >(
            ::agentscope_tuner::__private::Meta {
                name: "solve",
                doc: "Solves one problem.",
                module: ::agentscope_tuner::__private::std::module_path!(),
                location: ::agentscope_tuner::__private::Location {
                    file: ::agentscope_tuner::__private::std::file!(),
                    line: ::agentscope_tuner::__private::std::line!(),
                    column: ::agentscope_tuner::__private::std::column!(),
                },
            },
            &[
                ::agentscope_tuner::__private::SlotSpec {
                    name: "model",
                    role: <Model as ::agentscope_tuner::__private::FromContext>::ROLE,
                    default: ::agentscope_tuner::__private::slot_default(
                        ::agentscope_tuner::__private::SlotDefault::Model("strong"),
                        <Model as ::agentscope_tuner::__private::FromContext>::ROLE,
                        "#[model(…)] gives a default to a slot that holds a model; `model: Model` does not",
                    ),
                    type_name: ::agentscope_tuner::__private::std::stringify!(Model),
                    doc: "",
                },
                ::agentscope_tuner::__private::SlotSpec {
                    name: "system",
                    role: <Prompt as ::agentscope_tuner::__private::FromContext>::ROLE,
                    default: ::agentscope_tuner::__private::slot_default(
                        ::agentscope_tuner::__private::SlotDefault::Prompt("Be brief."),
                        <Prompt as ::agentscope_tuner::__private::FromContext>::ROLE,
                        "#[prompt(…)] gives a default to a slot that holds a prompt; `system: &Prompt` does not",
                    ),
                    type_name: ::agentscope_tuner::__private::std::stringify!(Prompt),
                    doc: "How to behave.",
                },
            ],
            |__task, __context| ::agentscope_tuner::__private::std::boxed::Box::pin(async move {
                let __task = ::agentscope_tuner::__private::owned_task::<solve>(__task)?;
                let __slot0 = <Model as ::agentscope_tuner::__private::FromContext>::from_context(
                    &__context,
                    "model",
                )?;
                let __slot1 = <Prompt as ::agentscope_tuner::__private::FromContext>::from_context(
                    &__context,
                    "system",
                )?;
                ::agentscope_tuner::__private::produce::<
                    solve,
                >(solve(__task, __slot0, &__slot1).await)
            }),
        );
    }
    ::agentscope_tuner::__private::inventory::submit! {
        < solve as ::agentscope_tuner::__private::WorkflowFn > ::ENTRY
    }
};
