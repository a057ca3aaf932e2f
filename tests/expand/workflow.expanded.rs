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
    use ::agentscope_tuner::__private as __tuner;
    #[automatically_derived]
    impl __tuner::WorkflowFn for solve {
        type Task = MathTask;
        type Return = Result<Msg>;
        const ENTRY: __tuner::WorkflowEntry = __tuner::workflow_entry::<
            solve,
        >(
            __tuner::Meta {
                name: "solve",
                doc: "Solves one problem.",
                module: __tuner::std::module_path!(),
                location: __tuner::Location {
                    file: __tuner::std::file!(),
                    line: __tuner::std::line!(),
                    column: __tuner::std::column!(),
                },
            },
            &[
                __tuner::SlotSpec {
                    name: "model",
                    role: <Model as __tuner::FromContext>::ROLE,
                    default: __tuner::slot_default(
                        __tuner::SlotDefault::Model("strong"),
                        <Model as __tuner::FromContext>::ROLE,
                        "#[model(…)] gives a default to a slot that holds a model; `model: Model` does not",
                    ),
                    type_name: __tuner::std::stringify!(Model),
                    doc: "",
                },
                __tuner::SlotSpec {
                    name: "system",
                    role: <Prompt as __tuner::FromContext>::ROLE,
                    default: __tuner::slot_default(
                        __tuner::SlotDefault::Prompt("Be brief."),
                        <Prompt as __tuner::FromContext>::ROLE,
                        "#[prompt(…)] gives a default to a slot that holds a prompt; `system: &Prompt` does not",
                    ),
                    type_name: __tuner::std::stringify!(Prompt),
                    doc: "How to behave.",
                },
            ],
            |__task, __context| __tuner::std::boxed::Box::pin(async move {
                let __task = __tuner::owned_task::<solve>(__task)?;
                let __slot0 = <Model as __tuner::FromContext>::from_context(
                    &__context,
                    "model",
                )?;
                let __slot1 = <Prompt as __tuner::FromContext>::from_context(
                    &__context,
                    "system",
                )?;
                __tuner::produce::<solve>(solve(__task, __slot0, &__slot1).await)
            }),
        );
    }
    __tuner::inventory::submit! {
        < solve as __tuner::WorkflowFn > ::ENTRY
    }
};
