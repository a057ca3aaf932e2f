//! Adapters against PEFT: what it saved we load, compute with and merge alike; what we save it loads.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{collections::BTreeMap, env, fs, path::Path};

use agentscope_tuner_policy::{
    Params, PolicyConfig, TensorMap,
    adapter::{LoraConfig, Module, merge},
    checkpoint::{Checkpoint, SaveOptions},
    tape::{Batch, ForwardSettings, Lora, forward, logits},
};
use common::{Expected, fixtures, model};
use dfdx::tensor::{Cpu, NoneTape};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

const ADAPTERS: [&str; 2] = ["qwen2", "llama-biased-sharded"];

/// What PEFT computed: `logits`, `merged_logits`, and the merged weights of layer 1.
fn peft(name: &str) -> BTreeMap<String, Vec<f32>> {
    let bytes = fs::read(fixtures().join("adapters").join(name).join("expected.safetensors")).unwrap();
    let numbers = |view: &TensorView<'_>| -> Vec<f32> {
        view.data().as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
    };
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    tensors.tensors().iter().map(|(name, view)| (name.clone(), numbers(view))).collect()
}

struct Model {
    checkpoint: Checkpoint,
    params: Params<Cpu>,
    row: Vec<u32>,
}

impl Model {
    fn open(name: &str) -> Self {
        let checkpoint = Checkpoint::open(model(name)).unwrap();
        let tensors = checkpoint.tensors().unwrap();
        let params = Params::new(&Cpu::default(), checkpoint.config(), tensors).unwrap();
        Self { checkpoint, params, row: Expected::of(name).rows[0].clone() }
    }

    fn config(&self) -> &PolicyConfig {
        self.checkpoint.config()
    }

    fn logits(&self, params: &Params<Cpu>, lora: Option<&Lora<Cpu>>) -> Vec<f32> {
        let batch = Batch::new([&self.row[..]]);
        let settings = ForwardSettings::default();
        let hidden = forward(self.config(), params, lora, &batch, NoneTape, settings).unwrap();
        logits(hidden, params.output_projection()).unwrap().into_value().to_vec()
    }

    fn rebuilt(&self, tensors: TensorMap) -> Params<Cpu> {
        Params::new(&Cpu::default(), self.config(), tensors).unwrap()
    }
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], exact: &[f32]) {
    assert_eq!(ours.len(), exact.len(), "{what}");
    for (ours, exact) in ours.iter().zip(exact) {
        assert!((ours - exact).abs() < 1e-4, "{what}: {ours}, not {exact}");
    }
}

#[test]
fn adapters_of_peft_do_what_they_do_there() {
    for name in ADAPTERS {
        let (model, exact) = (Model::open(name), peft(name));
        let (config, lora) = LoraConfig::load(fixtures().join("adapters").join(name), &model.params).unwrap();
        match name {
            "qwen2" => {
                assert_eq!((config.rank, config.alpha, &config.targets[..]), (3, 7.0, &Module::ALL[..]))
            }
            _ => {
                assert_eq!((config.rslora, &config.targets[..]), (true, &[Module::Query, Module::Value][..]))
            }
        }
        assert_close(name, &model.logits(&model.params, Some(&lora)), &exact["logits"]);
        let without = model.logits(&model.params, None);
        assert!(without.iter().zip(&exact["logits"]).any(|(a, b)| (a - b).abs() > 0.1));

        let merged = merge(&model.params, &lora).unwrap();
        let weights = exact.iter().filter(|(name, _)| name.ends_with("_proj.weight"));
        for (key, exact) in weights {
            assert_close(key, &merged[key].data, exact);
        }
        assert_close(name, &model.logits(&model.rebuilt(merged), None), &exact["merged_logits"]);
    }
}

/// `fixtures/README.md` says how to let PEFT load what this leaves behind.
#[test]
fn leaves_adapters_for_peft() {
    let Some(root) = env::var_os("POLICY_ADAPTER_DIR") else { return };
    for name in ADAPTERS {
        let model = Model::open(name);
        let (config, lora) = LoraConfig::load(fixtures().join("adapters").join(name), &model.params).unwrap();
        let ours = model.logits(&model.params, Some(&lora));
        let directory = |kind: &str| Path::new(&root).join(format!("{name}@{kind}"));
        config.save(&lora, directory("adapter"), Some(name)).unwrap();
        let merged = merge(&model.params, &lora).unwrap();
        model.checkpoint.save(directory("merged"), &merged, &SaveOptions::default()).unwrap();
        for kind in ["adapter", "merged"] {
            let bytes: Vec<u8> = ours.iter().flat_map(|x| x.to_le_bytes()).collect();
            let shape = vec![model.row.len(), ours.len() / model.row.len()];
            let view = TensorView::new(Dtype::F32, shape, &bytes).unwrap();
            let file = directory(kind).join("ours.safetensors");
            safetensors::serialize_to_file([("logits", view)], None, &file).unwrap();
        }
    }
}
