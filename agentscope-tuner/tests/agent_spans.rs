//! What is traced: who did what, and nothing of what was said. Alone in its program: other tests would decide which
//! spans are of interest to anyone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use agentscope_tuner::{
    agent::ReActAgent,
    message::{Block, Msg, Role, ToolUse},
    model::scripted::Scripted,
    tool,
};
use serde_json::{Value, json};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

/// Adds two numbers.
#[tool]
async fn add(
    /// First term.
    a: f64,
    /// Second term.
    b: f64,
) -> f64 {
    a + b
}

fn block(id: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: id.into(), name: "add".into(), input })
}

/// Keeps the fields of all spans as text.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().unwrap().push(format!("{field}={value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.0.lock().unwrap().push(format!("span {}", attributes.metadata().name()));
        attributes.record(&mut self.clone());
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
}

#[tokio::test]
async fn a_reply_and_its_tool_calls_are_spans_without_content() {
    let seen = Seen::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(seen.clone()));
    let wanted = [block("c0", json!({"a": 1234, "b": 2})), block("c1", json!({"a": 1234}))];
    let wanted = Msg::new(Role::Assistant, wanted.into());
    let model = Scripted::in_order("scripted", [wanted, Msg::assistant("secret answer")]);
    let mut agent = ReActAgent::new(model).system("secret prompt").tool::<add>();
    agent.reply(Msg::user("secret question")).await.unwrap();
    agent.reply(Msg::user("once more")).await.unwrap_err();

    let seen = seen.0.lock().unwrap().join("\n");
    let agent = "span invoke_agent\ngen_ai.operation.name=\"invoke_agent\"\ngen_ai.provider.name=\"scripted\"\n\
                 gen_ai.request.model=\"scripted\"";
    let tool = |id: &str| {
        format!(
            "span execute_tool\notel.name=\"execute_tool add\"\ngen_ai.operation.name=\"execute_tool\"\ngen_ai.tool.name=\"add\"\n\
             gen_ai.tool.call.id=\"{id}\"\ngen_ai.tool.type=\"function\""
        )
    };
    let (first, second) = (tool("c0"), tool("c1"));
    let error = "otel.status_code=\"ERROR\"";
    let wanted = format!(
        "{agent}\n{first}\n{second}\nerror.type=\"tool_error\"\n{error}\n{agent}\nerror.type=Model(Request)\n{error}"
    );
    assert_eq!(seen, wanted);
}
