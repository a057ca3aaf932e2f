use proptest::prelude::*;
use serde_json::json;

use super::*;

fn call(name: &str, arguments: Value) -> ToolCall {
    let Value::Object(arguments) = arguments else { panic!("not an object") };
    ToolCall { id: None, name: name.into(), arguments }
}

fn hermes(text: &str) -> Reply {
    Reply::parse(ReplyFormat::Hermes, false, text)
}

fn said(text: &str) -> Reply {
    Reply { text: text.into(), ..Reply::default() }
}

#[test]
fn plain_text_stays_as_it_is() {
    for text in
        ["", "Hello.", "  indented\n", "a < b, <b>, <tool, </think> and <tool_call", "{\"name\": \"x\"}"]
    {
        assert_eq!(hermes(text), said(text));
    }
}

#[test]
fn calls_in_hermes_format() {
    let text = "Sure.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 2, \"b\": [3]}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\"}\n</tool_call>";
    let reply = hermes(text);
    assert_eq!(reply.text, "Sure.");
    assert_eq!(reply.tool_calls, [call("add", json!({"a": 2, "b": [3]})), call("now", json!({}))]);
    // Models often end without the closing tag, and some write the arguments as a string.
    let reply = hermes("<tool_call>\n{\"name\": \"add\", \"arguments\": \"{\\\"a\\\": 1}\"}");
    assert_eq!((reply.text.as_str(), reply.tool_calls), ("", vec![call("add", json!({"a": 1}))]));
}

#[test]
fn malformed_calls_stay_text() {
    for text in [
        "Hi\n <tool_call>\n{\"name\": }\n</tool_call> there",
        "<tool_call>{\"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"x\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{\"name\": \"x\", \"argum",
    ] {
        assert_eq!(hermes(text), said(text));
    }
    let mixed = hermes("<tool_call>no</tool_call>\n<tool_call>{\"name\": \"yes\"}</tool_call>");
    assert_eq!(mixed.text, "<tool_call>no</tool_call>");
    assert_eq!(mixed.tool_calls, [call("yes", json!({}))]);
}

#[test]
fn reasoning_stands_apart() {
    let reply = hermes("<think>\nTwo and\n\nthree.\n</think>\n\nFive. <think>not this</think>");
    assert_eq!(reply.reasoning, "Two and\n\nthree.");
    assert_eq!(reply.text, "Five. <think>not this</think>");
    let opened = Reply::parse(ReplyFormat::Hermes, true, "\nhm\n</think>\n\nFive.");
    assert_eq!((opened.reasoning.as_str(), opened.text.as_str()), ("hm", "Five."));
    let cut = hermes("<think>\nstill at");
    assert_eq!((cut.reasoning.as_str(), cut.text.as_str()), ("still at", ""));
    let both = hermes("<think>\nadd\n</think>\n\n<tool_call>{\"name\": \"add\"}</tool_call>");
    assert_eq!((both.reasoning.as_str(), both.text.as_str(), both.tool_calls.len()), ("add", "", 1));
    assert!(
        opens_reasoning("<|im_start|>assistant\n<think>\n") && !opens_reasoning("<think>\n\n</think>\n\n")
    );
}

#[test]
fn calls_in_llama_3_format() {
    let llama = |text: &str| Reply::parse(ReplyFormat::Llama3, false, text);
    let add = call("add", json!({"a": 2}));
    for text in [
        r#"{"name": "add", "parameters": {"a": 2}}"#,
        r#" <|python_tag|>{"name": "add", "parameters": {"a": 2}}"#,
        r#"{"type": "function", "name": "add", "arguments": {"a": 2}}"#,
    ] {
        let reply = llama(text);
        assert_eq!((reply.text.as_str(), reply.tool_calls), ("", vec![add.clone()]), "{text}");
    }
    let two = r#"{"name": "add", "parameters": {"a": 2}}; {"name": "add", "parameters": {"a": 2}}"#;
    assert_eq!(llama(two).tool_calls.len(), 2);
    for text in [
        r#"{"name": "add", "parameters": {"a": 2}} is the call"#,
        r#"{"answer": 4}"#,
        r#"The call is {"name": "add", "parameters": {}}"#,
        "Now <|python_tag|>{\"name\": \"add\"}",
        "<|python_tag|>print(1)",
    ] {
        assert_eq!(llama(text), said(text));
    }
}

#[test]
fn calls_in_mistral_format() {
    let mistral = |text: &str| Reply::parse(ReplyFormat::Mistral, false, text);
    let reply = mistral(
        r#"[TOOL_CALLS] [{"name": "add", "arguments": {"a": 2}, "id": "abcdefghi"}, {"name": "now"}]"#,
    );
    let with_id = ToolCall { id: Some("abcdefghi".into()), ..call("add", json!({"a": 2})) };
    assert_eq!((reply.text.as_str(), reply.tool_calls), ("", vec![with_id, call("now", json!({}))]));
    let text = r#"[TOOL_CALLS] [{"name": "add""#;
    assert_eq!(mistral(text), said(text));
}

#[test]
fn streams_never_show_half_a_tag() {
    let mut parser = ReplyParser::new(ReplyFormat::Hermes, false);
    assert_eq!(parser.push("Yes"), said("Yes"));
    assert!(parser.push("\n<tool").is_empty());
    assert_eq!(parser.push("box> "), said("\n<toolbox>"));
    assert!(parser.push("<tool_call>{\"na").is_empty());
    assert!(parser.push("me\": \"x\"}</tool_ca").is_empty());
    assert_eq!(parser.push("ll>").tool_calls, [call("x", json!({}))]);
    assert!(parser.push("\n").is_empty());
    assert!(parser.finish().is_empty());
}

fn pieces() -> impl Strategy<Value = String> {
    let fragments = prop::sample::select(vec![
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        "[TOOL_CALLS]",
        "<|python_tag|>",
        "{\"name\": \"f\"}",
        "[{\"name\": \"f\"}]",
        "{",
        "<",
        "</",
        "[T",
        " ",
        "\n",
        "é",
        "word",
        ";",
    ]);
    prop::collection::vec(fragments, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn however_a_reply_is_cut_it_means_the_same(
        text in pieces(),
        in_reasoning: bool,
        format in prop::sample::select(vec![ReplyFormat::Hermes, ReplyFormat::Llama3, ReplyFormat::Mistral]),
        cuts in prop::collection::vec(0_usize..80, 0..12),
    ) {
        let whole = Reply::parse(format, in_reasoning, &text);
        let mut parser = ReplyParser::new(format, in_reasoning);
        let mut reply = Reply::default();
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| text.is_char_boundary(*cut)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            reply.extend(parser.push(&text[pair[0]..pair[1]]));
        }
        reply.extend(parser.finish());
        prop_assert_eq!(reply, whole);
    }
}
