use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A vocabulary in SentencePiece's way: `▁` for a space, bytes for what is not in it.
fn sentence_piece() -> Tokenizer {
    let mut vocabulary: serde_json::Map<String, Value> =
        (0..=255_u32).map(|byte| (format!("<0x{byte:02X}>"), Value::from(byte + 3))).collect();
    for (id, token) in ["<unk>", "<s>", "</s>"].into_iter().enumerate() {
        vocabulary.insert(token.into(), id.into());
    }
    for (id, token) in ["▁", "a", "b", "▁a", "▁ab"].into_iter().enumerate() {
        vocabulary.insert(token.into(), (id + 259).into());
    }
    let json = json!({
        "version": "1.0",
        "added_tokens": [
            {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
            {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
        ],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        ]},
        "pre_tokenizer": null, "post_processor": null, "truncation": null, "padding": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        ]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary, "merges": [["▁", "a"], ["▁a", "b"]]}
    });
    make(&json).unwrap()
}

fn make(json: &Value) -> Result<Tokenizer> {
    Tokenizer::new(json.to_string().as_bytes(), special::SpecialFile::default(), 300)
}

/// A vocabulary of whole words.
fn word_level(vocabulary: Value, decoder: Value) -> Value {
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null, "decoder": decoder,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "a"}
    })
}

fn byte_level() -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false})
}

/// What the error says, down to its cause.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn stream(tokenizer: &Tokenizer, ids: &[u32], skip: bool) -> String {
    let mut decoder = tokenizer.decoder(skip);
    let mut text: String = ids.iter().map(|id| decoder.push(*id).to_owned()).collect();
    text.push_str(decoder.finish());
    text
}

#[test]
fn sentence_piece_tokens_are_bytes_and_spaces() {
    let tokenizer = sentence_piece();
    let id = |token: &str| tokenizer.id(token).unwrap();
    assert_eq!(tokenizer.bytes(id("▁ab")), b" ab");
    assert_eq!(tokenizer.bytes(id("<0xC3>")), [0xc3]);
    assert_eq!((tokenizer.vocab_size(), tokenizer.token(262).as_deref()), (264, Some("▁a")));
    let ids = tokenizer.encode("ab é", false).unwrap();
    assert_eq!(ids, [id("▁ab"), id("▁"), id("<0xC3>"), id("<0xA9>")]);
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), "ab é");
    assert_eq!(stream(&tokenizer, &ids, false), "ab é");
    assert!(tokenizer.is_special(2) && !tokenizer.is_special(262));
    assert_eq!(stream(&tokenizer, &[1, id("▁a"), 2], true), "a");
    assert_eq!(
        stream(&tokenizer, &[1, id("▁a"), 2], false),
        tokenizer.decode(&[1, id("▁a"), 2], false).unwrap()
    );
}

#[test]
fn half_a_character_waits_for_the_other_half() {
    let tokenizer = sentence_piece();
    let byte = |byte: u8| u32::from(byte) + 3;
    let mut decoder = tokenizer.decoder(false);
    assert_eq!(decoder.push(byte(0xf0)), "");
    assert_eq!(decoder.push(byte(0x9f)), "");
    assert_eq!(decoder.push(byte(0xa6)), "");
    assert_eq!(decoder.push(byte(0x80)), "🦀");
    assert_eq!(decoder.push(byte(0xe4)), "");
    // A letter cannot complete it, so it never will be one.
    assert_eq!(decoder.push(byte(b'x')), "\u{fffd}x");
    assert_eq!(decoder.push(byte(0xc3)), "");
    assert_eq!(decoder.finish(), "\u{fffd}");
    assert_eq!(decoder.finish(), "");
}

#[test]
fn only_the_first_space_of_a_text_is_stripped() {
    let tokenizer = sentence_piece();
    let (space, a) = (tokenizer.id("▁").unwrap(), tokenizer.id("▁a").unwrap());
    assert_eq!(stream(&tokenizer, &[space, a, a], false), " a a");
    assert_eq!(tokenizer.decode(&[space, a, a], false).unwrap(), " a a");
}

#[test]
fn faults_name_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let missing = Tokenizer::open(directory.path(), 10).unwrap_err().to_string();
    assert!(missing.contains("save_pretrained"), "{missing}");
    std::fs::write(directory.path().join("tokenizer.json"), "{").unwrap();
    let malformed = chain(&Tokenizer::open(directory.path(), 10).unwrap_err());
    assert!(malformed.contains("tokenizer.json is malformed; download it again: EOF"), "{malformed}");
    // Here the crate panics instead.
    let broken = r#"{"version": "1.0", "model": {"type": "WordLevel", "vocab": {}, "unk_token": "a"}, "decoder": {"type": tru}}"#;
    std::fs::write(directory.path().join("tokenizer.json"), broken).unwrap();
    let malformed = chain(&Tokenizer::open(directory.path(), 10).unwrap_err());
    assert!(malformed.contains("tokenizer.json is malformed"), "{malformed}");
    let word_piece =
        word_level(json!({"a": 0}), json!({"type": "WordPiece", "prefix": "##", "cleanup": true}));
    assert!(make(&word_piece).unwrap_err().to_string().contains("not supported (WordPiece)"));
    let far = word_level(json!({"a": 400}), byte_level());
    let message = make(&far).unwrap_err().to_string();
    assert!(message.contains("has 401 ids, but the embedding of the model only 300 rows"), "{message}");
}

#[test]
fn special_tokens_are_strings_or_objects() {
    let directory = tempfile::tempdir().unwrap();
    let json = word_level(json!({"a": 0, "<s>": 1}), byte_level());
    std::fs::write(directory.path().join("tokenizer.json"), json.to_string()).unwrap();
    let write = |config: Value| {
        std::fs::write(directory.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        Tokenizer::open(directory.path(), 10)
    };
    let tokenizer = write(json!({
        "bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>", "pad_token": "[PAD]",
        "added_tokens_decoder": {"2": {"content": "</s>", "special": true}, "3": {"content": "<x>", "special": false}}
    }))
    .unwrap();
    let special = tokenizer.special_tokens();
    assert_eq!(
        (special.bos.clone(), special.eos.clone()),
        (Some((1, "<s>".into())), Some((2, "</s>".into())))
    );
    assert_eq!(special.pad, None);
    assert!(tokenizer.is_special(2) && !tokenizer.is_special(3));
    let message = chain(&write(json!({ "eos_token": "<end>" })).unwrap_err());
    assert!(message.contains("`eos_token` is `<end>`, which is not in the vocabulary"), "{message}");
}

/// `bytes_to_unicode` of GPT-2's published encoder: the space is Ġ, the line feed Ċ, and 0xAD is the last one moved.
#[test]
fn the_alphabet_of_bytes_is_gpt_2s() {
    let rule = Rule { byte_level: true, ..Rule::default() };
    assert_eq!(rule.bytes("ĠĊ!~¡ÿŃ"), [b' ', b'\n', b'!', b'~', 0xa1, 0xff, 0xad]);
    assert_eq!(rule.bytes("Āġł"), [0, 0x7f, 0xa0]);
    assert_eq!(rule.bytes("你"), "你".as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_survive_the_way_there_and_back(text in "[ab é🦀]{0,20}") {
        let tokenizer = sentence_piece();
        let ids = tokenizer.encode(&text, false).unwrap();
        prop_assert_eq!(&stream(&tokenizer, &ids, false), &text);
        prop_assert_eq!(tokenizer.decode(&ids, false).unwrap(), text);
    }

    #[test]
    fn any_ids_stream_to_the_bytes_they_stand_for(ids in prop::collection::vec(3_u32..270, 0..40)) {
        let tokenizer = sentence_piece();
        let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes(*id).to_vec()).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let stripped = text.strip_prefix(' ').unwrap_or(&text);
        prop_assert_eq!(stream(&tokenizer, &ids, false), stripped);
    }

    #[test]
    fn random_files_are_errors(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Tokenizer::new(&bytes, special::SpecialFile::default(), 300).is_err());
    }
}

#[test]
fn what_is_put_around_a_text_is_checked_at_once() {
    let with = |named: &str, id: u32| {
        let mut json = word_level(json!({"a": 0, "<s>": 1}), byte_level());
        json["post_processor"] = json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": named, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [id], "tokens": ["<s>"]}}
        });
        make(&json)
    };
    assert_eq!(with("<s>", 1).unwrap().encode("a", true).unwrap(), [1, 0]);
    // The crate panics on such a name where it first reads a text.
    let undefined = chain(&with("<x>", 1).unwrap_err());
    assert!(undefined.contains("does not define"), "{undefined}");
    let beyond = chain(&with("<s>", 300).unwrap_err());
    assert!(beyond.contains("301 ids"), "{beyond}");
}
