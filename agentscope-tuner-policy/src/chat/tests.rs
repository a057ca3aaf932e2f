use serde_json::{Value, json};

use super::*;
use crate::tokenizer::Tokenizer;

fn render(template: &str, variables: Value) -> crate::Result<String> {
    let Value::Object(variables) = variables else { panic!("not an object") };
    ChatTemplate::new(template).unwrap().render(&Conversation { variables, ..Conversation::default() })
}

/// The values on the right are what Python's `json.dumps(…, ensure_ascii=False)` prints.
#[test]
fn json_is_written_as_python_writes_it() {
    let written = |value: Value, options: &str| {
        render(&format!("{{{{ value | tojson{options} }}}}"), json!({ "value": value })).unwrap()
    };
    assert_eq!(
        written(json!({"a": [1, 2.0, null, true], "b": {}}), ""),
        r#"{"a": [1, 2.0, null, true], "b": {}}"#
    );
    assert_eq!(
        written(json!([1e-7, 1e16, 1e15, 0.0001, 1.5e300, -0.0]), ""),
        "[1e-07, 1e+16, 1000000000000000.0, 0.0001, 1.5e+300, -0.0]"
    );
    assert_eq!(
        written(json!("<é'&\"\\\n\u{1}\u{7f}\u{2028}🦀>"), ""),
        "\"<é'&\\\"\\\\\\n\\u0001\u{7f}\u{2028}🦀>\""
    );
    assert_eq!(written(json!("é🦀\u{7f}"), "(ensure_ascii=true)"), "\"\\u00e9\\ud83e\\udd80\u{7f}\"");
    assert_eq!(
        written(json!({"b": 1, "a": []}), "(indent=2, sort_keys=true)"),
        "{\n  \"a\": [],\n  \"b\": 1\n}"
    );
    assert_eq!(written(json!([1, {"a": 2}]), "(separators=(',', ':'))"), r#"[1,{"a":2}]"#);
    assert_eq!(written(json!(u64::MAX), ""), "18446744073709551615");
}

#[test]
fn blocks_are_trimmed_and_generation_is_a_scope() {
    let template = "{% for x in [1, 2] %}\n  {%- generation -%}\n {% set y = x %}{{ y }}\n  {%- endgeneration %}\n{% endfor %}\n|{{ y }}";
    assert_eq!(render(template, json!({})).unwrap(), "12|");
    assert_eq!(
        generation::as_scopes("{{ '{%' }}{% if 'a%}' %}{%- generation %}x{% endgeneration %}"),
        "{{ '{%' }}{% if 'a%}' %}{%- with %}x{% endwith %}"
    );
    assert_eq!(generation::as_scopes("{% unclosed"), "{% unclosed");
    assert_eq!(generation::as_scopes("{%}{%"), "{%}{%");
}

#[test]
fn python_and_jinja_idioms_work() {
    for (template, expected) in [
        ("{{ ' a '.strip() ~ 'b'.upper() ~ 'x,y'.split(',')[-1] }}", "aBy"),
        (
            "{{ {'a': 1}.get('b', 'none') }}{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}",
            "nonea1",
        ),
        (
            "{% set ns = namespace(n=0) %}{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}",
            "4",
        ),
        ("{{ missing }}|{{ missing is defined }}|{{ none }}|{{ true }}", "|False|None|True"),
        ("{{ [1, 2, 3][::-1] }}{{ 'abc'[:-1] }}{{ 'a' in 'abc' }}", "[3, 2, 1]abTrue"),
        (
            "{{ 'abc' is sequence }}{{ 'abc' is iterable }}{{ {} is sequence }}{{ 1 is iterable }}",
            "TrueTrueTrueFalse",
        ),
        ("{{ [{'r': 'u'}, {'r': 's'}] | selectattr('r', 'equalto', 'u') | list | length }}", "1"),
        ("{{ 1e-7 }}{{ 2.0 | string }}{{ 3 }}{{ none is iterable }}", "1e-072.03False"),
        ("a\r\nb\rc{% if true %}\r\n{% endif %}", "a\nb\nc"),
        ("{{ messages | length }}{{ tools is none }}{{ add_generation_prompt }}", "0TrueFalse"),
    ] {
        assert_eq!(render(template, json!({})).unwrap(), expected, "{template}");
    }
    let year = render("{{ strftime_now('%Y') }}", json!({})).unwrap();
    assert!(year.parse::<i16>().is_ok_and(|year| year >= 2025), "{year}");
}

#[test]
fn refusals_carry_the_templates_words() {
    let error = render("{{ raise_exception('roles must alternate') }}", json!({})).unwrap_err().to_string();
    assert!(error.ends_with("refuses this conversation: roles must alternate"), "{error}");
    assert!(ChatTemplate::new("{% if %}").unwrap_err().to_string().contains("`default` is malformed"));
    assert!(render("{{ missing.field }}", json!({})).is_err());
}

#[test]
fn reasoning_is_found_under_each_of_its_names() {
    let template =
        ChatTemplate::new("{{ messages[0].reasoning_content }}{{ messages[0].thinking }}").unwrap();
    for name in ["reasoning_content", "thinking", "reasoning"] {
        let messages = [json!({ "role": "assistant", "content": "", name: "hm" })];
        let conversation = Conversation { messages: &messages, ..Conversation::default() };
        assert_eq!(template.render(&conversation).unwrap(), "hmhm");
    }
}

/// A directory with a vocabulary of the given tokens, and the given files.
fn directory(tokens: &[&str], files: &[(&str, Value)]) -> (tempfile::TempDir, Tokenizer) {
    let directory = tempfile::tempdir().unwrap();
    let vocabulary: serde_json::Map<_, _> =
        tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id.into())).collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": tokens[0]}
    });
    for (name, content) in files.iter().cloned().chain([("tokenizer.json", tokenizer)]) {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = content.as_str().map_or_else(|| content.to_string(), Into::into);
        std::fs::write(path, text).unwrap();
    }
    let tokenizer = Tokenizer::open(directory.path(), 99).unwrap();
    (directory, tokenizer)
}

#[test]
fn templates_are_found_in_each_of_their_places() {
    let named = json!({ "bos_token": "a", "chat_template": [
        { "name": "default", "template": "plain{{ bos_token }}" }, { "name": "tool_use", "template": "tools" }
    ]});
    let in_config = ("tokenizer_config.json", named);
    let in_json = ("chat_template.json", json!({ "chat_template": "json" }));
    let in_file = ("chat_template.jinja", json!("file"));
    let additional = ("additional_chat_templates/tool_use.jinja", json!("more tools"));
    let tools = [json!({})];
    for (files, plain, with_tools) in [
        (vec![in_config.clone()], "plaina", "tools"),
        (vec![in_config.clone(), in_json.clone()], "json", "json"),
        (vec![in_config.clone(), in_json.clone(), in_file.clone()], "file", "file"),
        (vec![in_config, in_json, in_file, additional], "file", "more tools"),
    ] {
        let (directory, tokenizer) = directory(&["a"], &files);
        let template = ChatTemplate::open(directory.path(), &tokenizer).unwrap();
        assert_eq!(template.render(&Conversation::default()).unwrap(), plain);
        let offering = Conversation { tools: Some(&tools), ..Conversation::default() };
        assert_eq!(template.render(&offering).unwrap(), with_tools);
    }
    let (broken, tokenizer) = directory(&["a"], &[("chat_template.json", json!({ "chat_template": 3 }))]);
    assert!(
        ChatTemplate::open(broken.path(), &tokenizer).unwrap_err().to_string().contains("neither a text nor")
    );
}

#[test]
fn without_a_template_the_vocabulary_decides() {
    for (tokens, built_in, format) in [
        (&["<|im_start|>", "<tool_call>"][..], Some(BuiltIn::ChatMl), ReplyFormat::Hermes),
        (&["<|im_start|>", "<think>", "<tool_response>"], Some(BuiltIn::Qwen3), ReplyFormat::Hermes),
        (&["<|start_header_id|>"], Some(BuiltIn::Llama3), ReplyFormat::Llama3),
        (&["[INST]", "[TOOL_CALLS]"], Some(BuiltIn::Mistral), ReplyFormat::Mistral),
        (&["a"], None, ReplyFormat::Hermes),
    ] {
        let (directory, tokenizer) = directory(tokens, &[]);
        assert_eq!((BuiltIn::of(&tokenizer), ReplyFormat::of(&tokenizer)), (built_in, format));
        assert_eq!(ChatTemplate::open(directory.path(), &tokenizer).is_ok(), built_in.is_some());
    }
}
