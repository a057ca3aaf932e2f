async fn solve(task: &str, r#type: Prompt) -> Result<String> {
    todo!()
}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types, unreachable_pub)]
struct solve {}
#[allow(
    deprecated,
    non_upper_case_globals,
    unused_qualifications,
    clippy::absolute_paths
)]
const _: () = {
    use renamed::tuner::__private as __tuner;
    #[automatically_derived]
    impl __tuner::WorkflowFn for solve {
        type Task = __tuner::std::string::String;
        type Return = Result<String>;
        const ENTRY: __tuner::WorkflowEntry = __tuner::workflow_entry::<
            solve,
        >(
            __tuner::Meta {
                name: "math-solver",
                doc: "",
                module: __tuner::std::module_path!(),
                location: __tuner::Location {
                    file: __tuner::std::file!(),
                    line: __tuner::std::line!(),
                    column: __tuner::std::column!(),
                },
            },
            &[
                __tuner::SlotSpec {
                    name: "type",
                    role: <Prompt as __tuner::FromContext>::ROLE,
                    default: __tuner::slot_default(
                        __tuner::SlotDefault::Prompt(
                            __tuner::std::include_str!(
                                __tuner::std::concat!(__tuner::std::env!("CARGO_MANIFEST_DIR"),
                                "/", "prompts/system.md")
                            )
                                .trim_ascii_end(),
                        ),
                        <Prompt as __tuner::FromContext>::ROLE,
                        "#[prompt(…)] gives a default to a slot that holds a prompt; `type: Prompt` does not",
                    ),
                    type_name: __tuner::std::stringify!(Prompt),
                    doc: "",
                },
            ],
            |__task, __context| __tuner::std::boxed::Box::pin(async move {
                let __task = __tuner::task::<solve>(__task)?;
                let __slot0 = <Prompt as __tuner::FromContext>::from_context(
                    &__context,
                    "type",
                )?;
                __tuner::produce::<solve>(solve(&__task, __slot0).await)
            }),
        );
    }
    __tuner::inventory::submit! {
        < solve as __tuner::WorkflowFn > ::ENTRY
    }
};
