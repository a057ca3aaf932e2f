use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::error::ErrorKind;

/// Llama 3.2 1B, as published.
fn llama() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "head_dim": 64, "hidden_act": "silu",
        "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false,
        "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
        "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": true, "vocab_size": 128256,
        "rope_scaling": {
            "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3"
        }
    })
}

fn with(base: Value, changes: Value) -> Map<String, Value> {
    let (Value::Object(mut base), Value::Object(changes)) = (base, changes) else { panic!("not objects") };
    base.extend(changes);
    base
}

fn read(changes: Value) -> PolicyConfig {
    PolicyConfig::from_json(&with(llama(), changes)).unwrap()
}

fn faults(changes: Value) -> String {
    let error = PolicyConfig::from_json(&with(llama(), changes)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn llama_3_2_is_read_whole() {
    let config = read(json!({}));
    assert_eq!(config.architecture, Architecture::Llama);
    assert_eq!((config.vocab_size, config.hidden_size, config.intermediate_size), (128_256, 2048, 8192));
    assert_eq!((config.num_layers, config.num_heads, config.num_kv_heads, config.head_dim), (16, 32, 8, 64));
    assert_eq!((config.rms_norm_eps, config.rope_theta), (1e-5, 500_000.0));
    let scaling = RopeScaling::Llama3 {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position: 8192,
    };
    assert_eq!(config.rope_scaling, scaling);
    assert!(config.tie_word_embeddings && !config.qkv_bias && !config.output_bias && !config.qk_norm);
    assert_eq!((config.max_position_embeddings, config.sliding_window), (131_072, None));
}

#[test]
fn both_spellings_of_rotary_settings_mean_the_same() {
    let older = read(json!({ "rope_scaling": { "type": "linear", "factor": 2.0 } }));
    let newer = read(json!({
        "rope_theta": null, "rope_scaling": null,
        "rope_parameters": { "rope_theta": 500000.0, "rope_type": "linear", "factor": 2.0 }
    }));
    assert_eq!(older.rope_scaling, RopeScaling::Linear { factor: 2.0 });
    assert_eq!(older, newer);
}

#[test]
fn families_bring_their_defaults_and_extras() {
    let qwen2 =
        read(json!({ "architectures": ["Qwen2ForCausalLM"], "head_dim": null, "attention_bias": null }));
    assert!(qwen2.qkv_bias && !qwen2.output_bias && !qwen2.qk_norm);
    assert_eq!(qwen2.head_dim, 64);
    let qwen3 =
        read(json!({ "architectures": ["Qwen3ForCausalLM"], "head_dim": null, "attention_bias": true }));
    assert!(qwen3.qk_norm && qwen3.qkv_bias && qwen3.output_bias);
    assert_eq!(qwen3.head_dim, 128);
    let mistral =
        json!({ "architectures": ["MistralForCausalLM"], "attention_bias": true, "sliding_window": 512 });
    assert_eq!(read(mistral.clone()).sliding_window, Some(512));
    assert!(!read(mistral).qkv_bias);
    let by_type = read(json!({ "architectures": null, "model_type": "mistral", "sliding_window": null }));
    assert_eq!((by_type.architecture, by_type.sliding_window), (Architecture::Mistral, None));
    let biased = read(json!({ "attention_bias": true, "mlp_bias": true, "num_key_value_heads": null }));
    assert!(biased.qkv_bias && biased.output_bias && biased.mlp_bias);
    assert_eq!(biased.num_kv_heads, 32);
}

#[test]
fn a_window_is_for_all_layers_or_none() {
    let qwen = |window: Value| {
        let Value::Object(mut fields) = window else { panic!("not an object") };
        fields.insert("architectures".into(), json!(["Qwen2ForCausalLM"]));
        Value::Object(fields)
    };
    let window = |fields| read(qwen(fields)).sliding_window;
    assert_eq!(window(json!({ "sliding_window": 99, "use_sliding_window": false })), None);
    assert_eq!(
        window(json!({ "sliding_window": 99, "use_sliding_window": true, "max_window_layers": 16 })),
        None
    );
    assert_eq!(
        window(json!({ "sliding_window": 99, "use_sliding_window": true, "max_window_layers": 0 })),
        Some(99)
    );
    let mixed =
        faults(qwen(json!({ "sliding_window": 99, "use_sliding_window": true, "max_window_layers": 4 })));
    assert!(mixed.contains("12 of 16 layers") && mixed.contains("`use_sliding_window` to false"), "{mixed}");
    let unknown =
        json!({ "use_sliding_window": true, "layer_types": ["full_attention", "chunked_attention"] });
    assert!(faults(qwen(unknown)).contains("`layer_types` has \"chunked_attention\""));
    // A window over the whole context hides nothing.
    assert_eq!(
        window(json!({ "sliding_window": 131_072, "use_sliding_window": true, "max_window_layers": 0 })),
        None
    );
}

#[test]
fn every_fault_is_listed_with_its_remedy() {
    let message = faults(json!({
        "hidden_act": "gelu", "num_key_value_heads": 5, "head_dim": 7, "vocab_size": 0, "intermediate_size": null,
        "rms_norm_eps": -1, "quantization_config": { "bits": 4 },
        "rope_scaling": { "rope_type": "yarn", "factor": 4.0 }
    }));
    for part in [
        "`hidden_act` is `gelu`, but only `silu`",
        "`num_attention_heads` (32) must be a multiple of `num_key_value_heads` (5)",
        "`head_dim` (7) must be even",
        "`vocab_size` is 0",
        "`intermediate_size` is missing",
        "`rms_norm_eps` is -1",
        "use the checkpoint that was not",
        "`yarn` is not supported (default, linear and llama3 are); take the scaling out",
    ] {
        assert!(message.contains(part), "no {part:?} in:\n{message}");
    }
    let unknown = faults(json!({ "architectures": ["GPT2LMHeadModel"] }));
    assert!(
        unknown.contains("`GPT2LMHeadModel` is not supported; use a checkpoint of LlamaForCausalLM"),
        "{unknown}"
    );
    let scaling = faults(
        json!({ "rope_scaling": { "rope_type": "llama3", "low_freq_factor": 4.0, "high_freq_factor": 1.0 } }),
    );
    assert!(scaling.contains("`factor` is missing (in `rope_scaling`)"), "{scaling}");
    assert!(scaling.contains("`high_freq_factor` (1) must be above `low_freq_factor` (4)"), "{scaling}");
    assert!(faults(json!({ "head_dim": null, "hidden_size": 2049 })).contains("must be a multiple"));
    assert!(faults(json!({ "vocab_size": "many" })).contains("`vocab_size` is \"many\""));
}

#[test]
fn what_is_written_reads_back() {
    let scaled = json!({ "attention_bias": true, "mlp_bias": true, "rms_norm_eps": 1e-6 });
    let window =
        json!({ "architectures": ["MistralForCausalLM"], "sliding_window": 64, "rope_scaling": null });
    let qwen2 =
        json!({ "architectures": ["Qwen2ForCausalLM"], "rope_scaling": { "type": "linear", "factor": 4 } });
    let qwen3 =
        json!({ "architectures": ["Qwen3ForCausalLM"], "use_sliding_window": true, "max_window_layers": 0 });
    for changes in [json!({}), scaled, window, qwen2, qwen3] {
        let config = read(changes);
        assert_eq!(PolicyConfig::from_json(&config.to_json()).unwrap(), config);
    }
    assert_eq!(read(json!({ "rms_norm_eps": 1e-6 })).to_json()["rms_norm_eps"].to_string(), "1e-6");
}

#[test]
fn generation_settings_take_one_end_or_several() {
    let config = with(json!({ "eos_token_id": 7, "bos_token_id": 1 }), json!({}));
    let generation = with(
        json!({ "eos_token_id": [128001, 128008], "temperature": 0.6, "top_p": 0.9, "top_k": 50, "do_sample": true }),
        json!({ "repetition_penalty": 1.05, "max_new_tokens": 64, "min_p": null }),
    );
    let read = GenerationConfig::from_json(&generation, &config).unwrap();
    assert_eq!(read.eos_token_ids, [128_001, 128_008]);
    assert_eq!((read.bos_token_id, read.pad_token_id), (Some(1), None));
    assert_eq!((read.temperature, read.top_p, read.top_k), (Some(0.6), Some(0.9), Some(50)));
    assert_eq!((read.repetition_penalty, read.max_new_tokens, read.min_p), (Some(1.05), Some(64), None));
    assert_eq!(GenerationConfig::from_json(&read.to_json(), &Map::new()).unwrap(), read);
    assert_eq!(GenerationConfig::from_json(&Map::new(), &config).unwrap().eos_token_ids, [7]);

    let wrong = with(json!({ "temperature": -1, "top_p": 1.5 }), json!({ "eos_token_id": "end" }));
    let message = GenerationConfig::from_json(&wrong, &config).unwrap_err().to_string();
    for part in ["`temperature` is -1", "`top_p` is 1.5", "`eos_token_id` is \"end\""] {
        assert!(message.contains(part), "no {part:?} in:\n{message}");
    }
}

/// The published code of Llama 3.1 stretches by wavelength; ours by turns within the original context.
#[test]
fn llama_3_stretching_is_that_of_its_authors() {
    let config = read(json!({}));
    let stretched = config.rope_frequencies();
    for (i, ours) in stretched.iter().enumerate() {
        let frequency = 500_000_f64.powf(-2.0 * i as f64 / 64.0);
        let wavelength = std::f64::consts::TAU / frequency;
        let theirs = if wavelength < 8192.0 / 4.0 {
            frequency
        } else if wavelength > 8192.0 / 1.0 {
            frequency / 32.0
        } else {
            let smooth = (8192.0 / wavelength - 1.0) / (4.0 - 1.0);
            (1.0 - smooth) * frequency / 32.0 + smooth * frequency
        };
        assert!((f64::from(*ours) - theirs).abs() <= 1e-6 * theirs, "pair {i}: {ours} against {theirs}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!([1, "a"])),
        Just(json!({ "rope_type": 3, "factor": "x" })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_in_any_field_is_read_or_refused(field in 0_usize..18, value in any_json()) {
        let mut json = with(llama(), json!({}));
        let key = json.keys().nth(field % json.len()).unwrap().clone();
        json.insert(key, value);
        if let Ok(config) = PolicyConfig::from_json(&json) {
            prop_assert!(config.num_heads.is_multiple_of(config.num_kv_heads) && config.head_dim.is_multiple_of(2));
            prop_assert!(config.hidden_size > 0 && config.vocab_size > 0 && config.rope_theta.is_finite());
        }
    }
}
