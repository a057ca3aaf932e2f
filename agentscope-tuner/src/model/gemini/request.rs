//! The request body of `generateContent`.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::content::{system, turns};
use crate::model::{
    ChatRequest, ResponseFormat, Sampling, ToolChoice, ToolSpec,
    json::{Fields, Object},
};

pub(super) struct Body<'a>(pub(super) &'a ChatRequest);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(request) = self;
        let mut fields = Fields::new(to.serialize_map(None)?, &request.sampling.extra);
        let system = system(&request.messages);
        if !system.is_empty() {
            fields.put("systemInstruction", &Object([("parts", [Object([("text", &*system)])])]))?;
        }
        fields.put("contents", &turns(&request.messages))?;
        if !request.tools.is_empty() {
            let declared: Vec<_> = request.tools.iter().map(Tool::from).collect();
            fields.put("tools", &[Object([("functionDeclarations", declared)])])?;
            fields.some("toolConfig", calling(&request.tool_choice))?;
        }
        fields.put("generationConfig", &Config { request, sampling: &request.sampling })?;
        fields.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    parameters_json_schema: &'a Value,
}

impl<'a> From<&'a ToolSpec> for Tool<'a> {
    fn from(tool: &'a ToolSpec) -> Self {
        Self { name: &tool.name, description: &tool.description, parameters_json_schema: &tool.parameters }
    }
}

fn calling(choice: &ToolChoice) -> Option<Value> {
    let config = match choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Tool(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    };
    Some(json!({"functionCallingConfig": config}))
}

struct Config<'a> {
    request: &'a ChatRequest,
    sampling: &'a Sampling,
}

impl Serialize for Config<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let none = serde_json::Map::new();
        let Self { request, sampling } = self;
        let mut fields = Fields::new(to.serialize_map(None)?, &none);
        fields.some("temperature", sampling.temperature)?;
        fields.some("topP", sampling.top_p)?;
        fields.some("topK", sampling.top_k)?;
        fields.some("maxOutputTokens", sampling.max_tokens)?;
        fields.some("stopSequences", (!sampling.stop.is_empty()).then_some(&sampling.stop))?;
        // The API's seeds are 32 bits wide.
        fields.some("seed", sampling.seed.map(|seed| seed & 0x7fff_ffff))?;
        fields.some("presencePenalty", sampling.presence_penalty)?;
        fields.some("frequencyPenalty", sampling.frequency_penalty)?;
        fields.some("thinkingConfig", sampling.reasoning_effort.as_deref().map(thinking))?;
        if request.response_format.is_some() {
            fields.put("responseMimeType", "application/json")?;
        }
        if let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format {
            fields.put("responseJsonSchema", schema)?;
        }
        if let Some(alternatives) = request.logprobs {
            fields.put("responseLogprobs", &true)?;
            fields.some("logprobs", (alternatives > 0).then_some(alternatives))?;
        }
        fields.end()
    }
}

/// A budget of tokens, which all models of the API with thoughts take; 0 turns them off.
fn thinking(effort: &str) -> Value {
    let budget = match effort {
        "none" => 0,
        "minimal" | "low" => 1024,
        "medium" => 8192,
        _ => 24_576,
    };
    json!({"thinkingBudget": budget, "includeThoughts": budget > 0})
}
