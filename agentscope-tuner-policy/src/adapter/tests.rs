//! Adapters as PEFT has them. Its own files and numbers are compared with in `tests/adapter.rs`.

use std::fs;

use dfdx::tensor::{Cpu, NoneTape};

use super::{LoraConfig, Module, merge};
use crate::{
    Params, PolicyConfig,
    device::Device,
    tape::{Batch, ForwardSettings, Lora, forward, logits},
    testing::{families, params, tiny},
};

fn logits_of(config: &PolicyConfig, params: &Params<Cpu>, lora: Option<&Lora<Cpu>>) -> Vec<f32> {
    let batch = Batch::new([[3_u32, 1, 4, 1, 5], [9, 2, 6, 5, 3]]);
    let hidden = forward(config, params, lora, &batch, NoneTape, ForwardSettings::default()).unwrap();
    logits(hidden, params.output_projection()).unwrap().into_value().to_vec()
}

/// B is zero at first; this gives adapters something to say.
fn stir(lora: &mut Lora<Cpu>) {
    for (salt, param) in lora.iter_mut().enumerate() {
        let values = crate::testing::numbers(param.var.rows() * param.var.columns(), salt as u32);
        *param.var.value_mut() = Cpu::default().upload(&values).unwrap();
    }
}

#[test]
fn new_adapters_change_nothing_and_follow_the_seed() {
    for config in families() {
        let params = params(&config, 3);
        let lora = LoraConfig::default().init(&params, 7).unwrap();
        assert_eq!(lora.iter().count(), 14 * config.num_layers);
        assert_eq!(logits_of(&config, &params, Some(&lora)), logits_of(&config, &params, None));
        let values = |seed: u64| -> Vec<Vec<f32>> {
            let lora = LoraConfig::default().init(&params, seed).unwrap();
            lora.iter().map(|param| param.var.value().to_vec()).collect()
        };
        assert_eq!(values(7), values(7));
        assert_ne!(values(7), values(8));
        // No two layers alike.
        let a: Vec<_> = values(7).into_iter().step_by(2).map(|a| a[0].to_bits()).collect();
        assert!((1..a.len()).all(|index| !a[..index].contains(&a[index])));
    }
}

#[test]
fn a_is_even_within_its_bound_and_b_is_zero() {
    let config = LoraConfig { rank: 64, ..LoraConfig::default() };
    let params = params(&tiny(), 3);
    let lora = config.init(&params, 1).unwrap();
    for pair in lora.iter().collect::<Vec<_>>().chunks(2) {
        let bound = 1.0 / (pair[0].var.columns() as f32).sqrt();
        let a = pair[0].var.value();
        assert!(a.iter().all(|x| (-bound..bound).contains(x)));
        let mean_square = a.iter().map(|x| x * x).sum::<f32>() / a.len() as f32;
        assert!((mean_square * 3.0 / bound.powi(2) - 1.0).abs() < 0.12, "{mean_square}");
        assert!(pair[1].var.value().iter().all(|x| *x == 0.0));
        assert_eq!((pair[0].var.rows(), pair[1].var.columns()), (64, 64));
    }
}

#[test]
fn merged_weights_do_what_adapters_did() {
    for config in families() {
        let params = params(&config, 5);
        let lora_config = LoraConfig { rank: 3, alpha: 2.0, rslora: config.qk_norm, ..LoraConfig::default() };
        let mut lora = lora_config.init(&params, 7).unwrap();
        stir(&mut lora);
        let merged = Params::new(&Cpu::default(), &config, merge(&params, &lora).unwrap()).unwrap();
        let (ours, exact) = (logits_of(&config, &merged, None), logits_of(&config, &params, Some(&lora)));
        let moved = logits_of(&config, &params, None);
        assert!(ours.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 2e-4 * b.abs().max(1.0)));
        assert!(moved.iter().zip(&exact).any(|(a, b)| (a - b).abs() > 0.1));
    }
}

#[test]
fn saved_adapters_load_the_same() {
    let (config, directory) = (tiny(), tempfile::tempdir().unwrap());
    let params = params(&config, 5);
    for targets in [Module::ALL.to_vec(), vec![Module::Query, Module::Value], vec![Module::Down]] {
        let lora_config = LoraConfig { rank: 2, alpha: 1.5, rslora: true, targets };
        let mut lora = lora_config.init(&params, 7).unwrap();
        stir(&mut lora);
        lora_config.save(&lora, directory.path(), Some("tiny")).unwrap();
        let (loaded_config, loaded) = LoraConfig::load(directory.path(), &params).unwrap();
        assert_eq!(loaded_config, lora_config);
        assert!(
            lora.iter()
                .zip(loaded.iter())
                .all(|(a, b)| { a.pieces == b.pieces && a.var.value().to_vec() == b.var.value().to_vec() })
        );
        let rows = |lora: &Lora<Cpu>| -> Vec<_> {
            lora.layers.iter().flat_map(|layer| &layer.qkv).map(|a| (a.rows.clone(), a.scale)).collect()
        };
        assert_eq!(rows(&lora), rows(&loaded));
    }
}

#[test]
fn adapters_of_some_layers_are_named_one_by_one() {
    let (config, directory) = (tiny(), tempfile::tempdir().unwrap());
    let params = params(&config, 5);
    let lora_config =
        LoraConfig { rank: 2, targets: vec![Module::Query, Module::Up], ..LoraConfig::default() };
    let mut lora = lora_config.init(&params, 7).unwrap();
    lora.layers[0].qkv.clear();
    lora_config.save(&lora, directory.path(), None).unwrap();
    let json = fs::read_to_string(directory.path().join("adapter_config.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names = serde_json::json!(["model.layers.1.self_attn.q_proj", "up_proj"]);
    assert_eq!(json["target_modules"], names);
    let (_, loaded) = LoraConfig::load(directory.path(), &params).unwrap();
    assert!(loaded.layers[0].qkv.is_empty() && loaded.layers[1].qkv.len() == 1);
}

/// What loading says after `change` was made to the JSON of an adapter of q_proj.
fn refusal(change: impl Fn(&mut serde_json::Map<String, serde_json::Value>)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let params = params(&tiny(), 5);
    let lora_config = LoraConfig { rank: 2, targets: vec![Module::Query], ..LoraConfig::default() };
    let lora = lora_config.init(&params, 7).unwrap();
    lora_config.save(&lora, directory.path(), None).unwrap();
    let path = directory.path().join("adapter_config.json");
    let mut json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    match LoraConfig::load(directory.path(), &params) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn misfits_are_named() {
    assert_eq!(refusal(|_| ()), "");
    let set = |field: &'static str, value: serde_json::Value| {
        refusal(move |json| drop(json.insert(field.into(), value.clone())))
    };
    assert!(set("peft_type", "LOHA".into()).contains("of type LOHA"));
    assert!(set("use_dora", true.into()).contains("`use_dora`"));
    assert!(set("bias", "all".into()).contains("trains biases"));
    assert!(set("init_lora_weights", "pissa".into()).contains("began as `pissa`"));
    assert_eq!(set("init_lora_weights", "gaussian".into()), "");
    assert!(set("rank_pattern", serde_json::json!({"q_proj": 3})).contains("ranks that differ"));
    assert!(set("modules_to_save", serde_json::json!(["lm_head"])).contains("trained in full"));
    assert!(set("target_modules", serde_json::json!(["lm_head"])).contains("sits on `lm_head`"));
    let more = serde_json::json!(["q_proj", "self_attn.v_proj"]);
    assert!(
        set("target_modules", more).contains("no tensor `base_model.model.model.layers.0.self_attn.v_proj")
    );
    assert_eq!(set("target_modules", ".*q_proj".into()), "");
    assert!(set("r", 3.into()).contains("is [2, 24], but the model and rank 3 make it [3, 24]"));
    assert!(set("r", "three".into()).contains("not that of a LoRA adapter"));
    assert!(refusal(|json| drop(json.remove("peft_type"))).contains("not that of a LoRA adapter"));
    let empty = tempfile::tempdir().unwrap();
    let message = LoraConfig::load(empty.path(), &params(&tiny(), 5)).unwrap_err().to_string();
    assert!(message.contains("no adapter_config.json"), "{message}");
}

#[test]
fn adapters_of_another_model_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let lora_config = LoraConfig { rank: 2, ..LoraConfig::default() };
    let lora = lora_config.init(&params(&tiny(), 5), 7).unwrap();
    lora_config.save(&lora, directory.path(), None).unwrap();
    let message =
        |other: PolicyConfig| LoraConfig::load(directory.path(), &params(&other, 5)).unwrap_err().to_string();
    assert!(
        message(PolicyConfig { num_layers: 1, ..tiny() })
            .contains("14 tensors that this model has no place for")
    );
    assert!(
        message(PolicyConfig { num_layers: 3, ..tiny() })
            .contains("no tensor `base_model.model.model.layers.2.")
    );
    assert!(message(PolicyConfig { hidden_size: 12, ..tiny() }).contains("is [2, 24]"));
}

#[test]
fn weights_that_are_not_finite_are_not_saved() {
    let directory = tempfile::tempdir().unwrap();
    let lora_config = LoraConfig { rank: 1, ..LoraConfig::default() };
    let mut lora = lora_config.init(&params(&tiny(), 5), 7).unwrap();
    lora.iter_mut().for_each(|param| param.var.value_mut()[0] = f32::NAN);
    let message = lora_config.save(&lora, directory.path(), None).unwrap_err().to_string();
    assert!(message.contains("is not finite"), "{message}");
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
}

#[test]
fn settings_out_of_range_are_listed() {
    let bad = LoraConfig { rank: 0, alpha: f64::NAN, targets: Vec::new(), ..LoraConfig::default() };
    let message = bad.check().unwrap_err().to_string();
    assert!(message.contains("rank") && message.contains("alpha") && message.contains("target"), "{message}");
    assert_eq!(LoraConfig::default().scale(), 2.0);
    assert_eq!(LoraConfig { rslora: true, ..LoraConfig::default() }.scale(), 8.0);
    assert!("lm_head".parse::<Module>().unwrap_err().to_string().contains("q_proj, k_proj"));
    assert_eq!("down_proj".parse::<Module>().unwrap(), Module::Down);
}
