/// Looks up the weather.
async fn weather(city: &str, days: &[u8], unit: Option<Unit>) -> Result<Weather> {
    lookup(city, days, unit).await
}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types, unreachable_pub)]
struct weather {}
#[allow(
    deprecated,
    non_upper_case_globals,
    unused_qualifications,
    clippy::absolute_paths
)]
const _: () = {
    use ::agentscope_tuner::__private as __tuner;
    #[allow(unused_imports)]
    use __tuner::std::convert::Into as _;
    #[derive(__tuner::serde::Deserialize, __tuner::schemars::JsonSchema)]
    #[serde(crate = "__tuner::serde", deny_unknown_fields)]
    #[schemars(crate = "__tuner::schemars")]
    struct __Arguments<T0, T1, T2> {
        /// Name of the city.
        city: T0,
        days: T1,
        unit: T2,
    }
    #[automatically_derived]
    impl __tuner::FunctionTool for weather {
        const ENTRY: __tuner::ToolEntry = __tuner::ToolEntry {
            meta: __tuner::Meta {
                name: "weather",
                doc: "Looks up the weather.",
                module: __tuner::std::module_path!(),
                location: __tuner::Location {
                    file: __tuner::std::file!(),
                    line: __tuner::std::line!(),
                    column: __tuner::std::column!(),
                },
            },
            parameters: || {
                static __SCHEMA: __tuner::std::sync::LazyLock<
                    __tuner::serde_json::Value,
                > = __tuner::std::sync::LazyLock::new(
                    __tuner::arguments_schema::<
                        __Arguments<
                            __tuner::std::string::String,
                            __tuner::std::vec::Vec<u8>,
                            Option<Unit>,
                        >,
                    >,
                );
                __tuner::std::clone::Clone::clone(&*__SCHEMA)
            },
            call: |__input| __tuner::std::boxed::Box::pin(async move {
                let __arguments = __tuner::parse_arguments::<
                    __Arguments<
                        __tuner::std::string::String,
                        __tuner::std::vec::Vec<u8>,
                        Option<Unit>,
                    >,
                >(&__input)?;
                let __output = weather(
                        &__arguments.city,
                        &__arguments.days,
                        __arguments.unit,
                    )
                    .await;
                __tuner::try_tool_output(__output)
            }),
        };
    }
    __tuner::inventory::submit! {
        < weather as __tuner::FunctionTool > ::ENTRY
    }
};
