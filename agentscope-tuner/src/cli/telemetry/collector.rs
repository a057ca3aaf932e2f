//! Which collector the environment names, by OpenTelemetry's own variables.

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
/// The protocol that this program speaks.
const SPOKEN: &str = "http/protobuf";

/// Where the collector is, as it is written in the environment, or what is wrong with that; `None` without one.
pub(super) fn named(variable: impl Fn(&str) -> Option<String>) -> Option<Result<String, String>> {
    let set =
        |name: &'static str| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value));
    let is = |name, wanted: &str| set(name).is_some_and(|(_, value)| value.eq_ignore_ascii_case(wanted));
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    let (_, endpoint) = set(TRACES_ENDPOINT).or_else(|| set(ENDPOINT))?;
    Some(match set(TRACES_PROTOCOL).or_else(|| set(PROTOCOL)) {
        Some((name, protocol)) if protocol != SPOKEN => Err(format!(
            "{name} is {protocol}; set it to {SPOKEN}, and the endpoint to the port for it, mostly 4318"
        )),
        _ => Ok(endpoint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<Result<String, String>> {
        named(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn spans_go_nowhere_unless_a_collector_is_named() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(ENDPOINT, "")]), None);
        assert_eq!(of(&[(ENDPOINT, "http://a:4318"), ("OTEL_SDK_DISABLED", "TRUE")]), None);
        assert_eq!(of(&[(ENDPOINT, "http://a:4318"), ("OTEL_TRACES_EXPORTER", "none")]), None);
    }

    #[test]
    fn the_variable_of_traces_goes_before_the_general_one() {
        let both = [(ENDPOINT, "http://a:4318"), (TRACES_ENDPOINT, "http://b:4318/v1/traces")];
        assert_eq!(of(&both), Some(Ok("http://b:4318/v1/traces".to_owned())));
        assert_eq!(of(&both[..1]), Some(Ok("http://a:4318".to_owned())));
        let mixed = [(ENDPOINT, "http://a:4318"), (PROTOCOL, "grpc"), (TRACES_PROTOCOL, SPOKEN)];
        assert_eq!(of(&mixed), Some(Ok("http://a:4318".to_owned())));
    }

    #[test]
    fn a_protocol_that_is_not_spoken_is_named_with_the_remedy() {
        let fault = of(&[(ENDPOINT, "http://a:4317"), (PROTOCOL, "grpc")]).unwrap().unwrap_err();
        assert!(fault.contains("OTEL_EXPORTER_OTLP_PROTOCOL is grpc; set it to http/protobuf"), "{fault}");
    }
}
