//! Checkpoints against transformers: what it holds after loading is what we hold, and what we save it loads.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{env, path::Path};

use agentscope_tuner_policy::{
    Params,
    checkpoint::{Checkpoint, Dtype, SaveOptions},
};
use common::{Expected, MODELS, model};
use dfdx::tensor::Cpu;

/// Fowler, Noll and Vo's hash: short enough to stand here and in the script.
fn fnv1a(values: &[f32]) -> String {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

#[test]
fn tensors_are_those_that_transformers_holds() {
    for name in MODELS {
        let expected = Expected::of(name);
        let tensors = Checkpoint::open(model(name)).unwrap().tensors().unwrap();
        assert!(tensors.keys().eq(expected.tensors.keys()), "{name}: {:?}", tensors.keys());
        for (key, held) in expected.tensors {
            assert_eq!(tensors[&key].shape, held.shape, "{name}: {key}");
            assert_eq!(fnv1a(&tensors[&key].data), held.fnv1a, "{name}: {key}");
        }
    }
}

#[test]
fn parameters_take_every_tensor_and_give_them_back() {
    for name in MODELS {
        let checkpoint = Checkpoint::open(model(name)).unwrap();
        let tensors = checkpoint.tensors().unwrap();
        let params = Params::new(&Cpu::default(), checkpoint.config(), tensors.clone()).unwrap();
        assert_eq!(params.to_tensors().unwrap(), tensors, "{name}");
    }
}

#[test]
fn saved_directories_load_the_same() {
    for name in MODELS {
        let original = Checkpoint::open(model(name)).unwrap();
        let tensors = original.tensors().unwrap();
        let directory = tempfile::tempdir().unwrap();
        for shard_bytes in [40_000, usize::MAX, 20_000] {
            let options = SaveOptions { shard_bytes, ..SaveOptions::default() };
            original.save(directory.path(), &tensors, &options).unwrap();
            let saved = Checkpoint::open(directory.path()).unwrap();
            assert_eq!((saved.config(), saved.generation()), (original.config(), original.generation()));
            assert_eq!(saved.tensors().unwrap(), tensors, "{name} in shards of {shard_bytes} bytes");
            assert_eq!(saved.config_json()["dtype"], "float32");
            assert!(directory.path().join("tokenizer.json").exists());
        }
    }
}

#[test]
fn half_precision_rounds_as_the_format_says() {
    let original = Checkpoint::open(model("qwen2")).unwrap();
    let tensors = original.tensors().unwrap();
    let directory = tempfile::tempdir().unwrap();
    // The checkpoint is bf16 on disk, so writing bf16 loses nothing.
    let options = SaveOptions { dtype: Dtype::Bf16, ..SaveOptions::default() };
    original.save(directory.path(), &tensors, &options).unwrap();
    assert_eq!(Checkpoint::open(directory.path()).unwrap().tensors().unwrap(), tensors);
    let size = |path: &Path| path.join("model.safetensors").metadata().unwrap().len();
    assert!(size(directory.path()).abs_diff(size(&model("qwen2"))) < 200);

    let options = SaveOptions { dtype: Dtype::F16, ..SaveOptions::default() };
    original.save(directory.path(), &tensors, &options).unwrap();
    let halves = Checkpoint::open(directory.path()).unwrap().tensors().unwrap();
    for (name, half) in halves {
        for (half, full) in half.data.iter().zip(&tensors[&name].data) {
            // 11 bits of precision: half a unit in the last place, or half the smallest subnormal.
            let bound = (full.abs() / 2048.0).max(2_f32.powi(-25));
            assert!((half - full).abs() <= bound, "{name}: {full} became {half}");
        }
    }
}

/// `fixtures/README.md` says how to let transformers load what this leaves behind.
#[test]
fn leaves_saved_directories_for_transformers() {
    let Some(root) = env::var_os("POLICY_SAVE_DIR") else { return };
    for name in MODELS {
        let original = Checkpoint::open(model(name)).unwrap();
        let tensors = original.tensors().unwrap();
        for (kind, shard_bytes) in [("single", usize::MAX), ("sharded", 30_000)] {
            let options = SaveOptions { shard_bytes, ..SaveOptions::default() };
            original.save(Path::new(&root).join(format!("{name}@{kind}")), &tensors, &options).unwrap();
        }
        let made = Checkpoint::new(original.config().clone(), original.generation().clone());
        let directory = Path::new(&root).join(format!("{name}@made"));
        made.save(&directory, &tensors, &SaveOptions::default()).unwrap();
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(model(name).join(file), directory.join(file)).unwrap();
        }
    }
}
