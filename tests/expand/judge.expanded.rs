/// Whether the answer is right.
async fn right(task: &MathTask, response: Msg, grader: Model) -> bool {
    task.answer == response.text()
}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types, unreachable_pub)]
struct right {}
#[allow(
    deprecated,
    non_upper_case_globals,
    unused_qualifications,
    clippy::absolute_paths
)]
const _: () = {
    use ::agentscope_tuner::__private as __tuner;
    #[automatically_derived]
    impl __tuner::Judge for right {
        type Task = MathTask;
        type Response = Msg;
        const ENTRY: __tuner::JudgeEntry = __tuner::JudgeEntry {
            meta: __tuner::Meta {
                name: "right",
                doc: "Whether the answer is right.",
                module: __tuner::std::module_path!(),
                location: __tuner::Location {
                    file: __tuner::std::file!(),
                    line: __tuner::std::line!(),
                    column: __tuner::std::column!(),
                },
            },
            slots: &[
                __tuner::SlotSpec {
                    name: "grader",
                    role: <Model as __tuner::FromContext>::ROLE,
                    default: __tuner::SlotDefault::None,
                    type_name: __tuner::std::stringify!(Model),
                    doc: "",
                },
            ],
            task: __tuner::TypeInfo::of::<MathTask>(),
            response: __tuner::TypeInfo::of::<Msg>(),
            group: <bool as __tuner::JudgeReturn>::GROUP,
            workflow: {
                let () = <<workflows::solve as __tuner::Workflow>::Task as __tuner::IsTaskOf<
                    MathTask,
                >>::CHECKED;
                let () = <<workflows::solve as __tuner::Workflow>::Response as __tuner::IsResponseOf<
                    Msg,
                >>::CHECKED;
                __tuner::std::option::Option::Some(
                    <workflows::solve as __tuner::Workflow>::ENTRY.meta.name,
                )
            },
            run: |__judged, __context| __tuner::std::boxed::Box::pin(async move {
                let __task = __tuner::unerase::<MathTask>(__judged.task)?;
                let __response = __tuner::unerase_owned::<Msg>(__judged.response)?;
                let __slot0 = <Model as __tuner::FromContext>::from_context(
                    &__context,
                    "grader",
                )?;
                let __output = right(&__task, __response, __slot0).await;
                <bool as __tuner::JudgeReturn>::into_rewards(__output)
            }),
        };
    }
    __tuner::inventory::submit! {
        < right as __tuner::Judge > ::ENTRY
    }
};
