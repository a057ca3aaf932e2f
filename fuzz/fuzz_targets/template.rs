//! A chat template: refused, or rendered, or refused when rendered.
#![no_main]

use agentscope_tuner_policy::chat::{ChatTemplate, Conversation};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|source: &str| {
    let Ok(template) = ChatTemplate::new(source) else { return };
    let messages = [json!({"role": "system", "content": "a"}), json!({"role": "user", "content": "b"})];
    let _ = template.render(&Conversation { messages: &messages, ..Conversation::default() });
});
