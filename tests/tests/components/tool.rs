use agentscope_tuner::{
    ErrorKind,
    agent::{FunctionTool, Tool},
    prelude::*,
};
use serde_json::{Value, json};

/// Unit of a temperature.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Celsius,
    Fahrenheit,
}

/// Looks up the weather.
///
/// Use it for every question about today.
#[tool]
async fn weather(
    /// Name of the city,
    /// in English.
    city: &str,
    /// Days from today.
    days: &[u8],
    unit: Option<Unit>,
) -> Result<String, String> {
    let unit = if matches!(unit, Some(Unit::Fahrenheit)) { "F" } else { "C" };
    match city {
        "Atlantis" => Err("there is no weather under water".to_owned()),
        _ => Ok(format!("{} days of 20 {unit} in {city}", days.len())),
    }
}

/// Rings a bell.
#[tool(name = "ring-bell")]
async fn ring() {}

async fn call<T: FunctionTool>(input: Value) -> Result<String> {
    let output = T::ENTRY.call(input).await?;
    Ok(output.iter().filter_map(Block::as_text).collect())
}

#[test]
fn the_model_sees_name_description_and_schema() {
    let spec = weather::ENTRY.spec();
    assert_eq!(spec.name, "weather");
    assert_eq!(spec.description, "Looks up the weather.\n\nUse it for every question about today.");
    assert_eq!(
        spec.parameters,
        json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name of the city,\nin English."},
                "days": {
                    "type": "array",
                    "items": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255},
                    "description": "Days from today.",
                },
                "unit": {
                    "type": ["string", "null"],
                    "enum": ["celsius", "fahrenheit", null],
                    "description": "Unit of a temperature.",
                },
            },
            "required": ["city", "days"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn a_tool_without_parameters_takes_an_empty_object() {
    let spec = ring::ENTRY.spec();
    assert_eq!(spec.name, "ring-bell");
    assert_eq!(spec.parameters, json!({"type": "object", "properties": {}, "additionalProperties": false}));
}

#[tokio::test]
async fn arguments_are_read_and_lent() {
    let answer = call::<weather>(json!({"city": "Oslo", "days": [0, 1], "unit": "fahrenheit"})).await;
    assert_eq!(answer.unwrap(), "2 days of 20 F in Oslo");
    assert_eq!(call::<weather>(json!({"city": "Oslo", "days": []})).await.unwrap(), "0 days of 20 C in Oslo");
    assert_eq!(call::<ring>(Value::Null).await.unwrap(), "done");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_named() {
    for (arguments, part) in [
        (json!({"days": []}), "missing field `city`"),
        (json!({"city": "Oslo", "days": [0, 256]}), "days[1]"),
        (json!({"city": "Oslo", "days": [], "month": 3}), "unknown field `month`"),
        (json!({"city": "Oslo", "days": [], "unit": "kelvin"}), "expected `celsius` or `fahrenheit`"),
    ] {
        let error = call::<weather>(arguments).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tool);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn the_model_sees_why_a_tool_failed() {
    let error = call::<weather>(json!({"city": "Atlantis", "days": []})).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Tool, "there is no weather under water")
    );
}

#[tokio::test]
async fn the_function_stays_plain_rust() {
    assert!(weather("Oslo", &[0], None).await.is_ok());
    ring().await;
}
