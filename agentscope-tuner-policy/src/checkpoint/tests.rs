use std::{fs, path::Path, sync::LazyLock};

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::tensor::HostTensor;

/// A model small enough to write down.
fn config() -> PolicyConfig {
    let json = json!({
        "model_type": "llama", "vocab_size": 3, "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
        "num_attention_heads": 1, "tie_word_embeddings": true
    });
    PolicyConfig::from_json(json.as_object().unwrap()).unwrap()
}

fn tensors() -> TensorMap {
    let tensor = |shape: &[usize], first: f32| HostTensor {
        shape: shape.to_vec(),
        data: (0..shape.iter().product()).map(|i| first + i as f32).collect(),
    };
    let named =
        [("model.embed_tokens.weight", tensor(&[3, 2], 1.0)), ("model.norm.weight", tensor(&[2], -0.5))];
    named.map(|(name, tensor)| (name.to_owned(), tensor)).into()
}

fn saved(tensors: &TensorMap, options: SaveOptions) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    Checkpoint::new(config(), GenerationConfig::default()).save(directory.path(), tensors, &options).unwrap();
    directory
}

fn load(directory: &Path) -> Result<TensorMap> {
    Checkpoint::open(directory)?.tensors()
}

fn failure(directory: &Path) -> String {
    load(directory).unwrap_err().to_string()
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A weight file with `header`, and `data` bytes of zeros.
fn write_raw(directory: &Path, header: &str, data: usize) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    fs::write(directory.join("model.safetensors"), bytes).unwrap();
}

#[test]
fn saving_leaves_the_files_of_its_layout_and_no_others() {
    let directory = saved(&tensors(), SaveOptions { shard_bytes: 1, ..SaveOptions::default() });
    let sharded = [
        "config.json",
        "generation_config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ];
    assert_eq!(files(directory.path()), sharded);
    let checkpoint = Checkpoint::open(directory.path()).unwrap();
    checkpoint.save(directory.path(), &tensors(), &SaveOptions::default()).unwrap();
    assert_eq!(files(directory.path()), ["config.json", "generation_config.json", "model.safetensors"]);
    assert_eq!(load(directory.path()).unwrap(), tensors());
}

#[test]
fn unmodelled_fields_survive_saving() {
    let directory = saved(&tensors(), SaveOptions::default());
    let path = directory.path().join("config.json");
    let mut json: Map<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    json.insert("initializer_range".into(), json!(0.02));
    fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    let checkpoint = Checkpoint::open(directory.path()).unwrap();
    let again = tempfile::tempdir().unwrap();
    let options = SaveOptions { dtype: Dtype::Bf16, ..SaveOptions::default() };
    checkpoint.save(again.path(), &tensors(), &options).unwrap();
    let reopened = Checkpoint::open(again.path()).unwrap();
    assert_eq!(reopened.config_json()["initializer_range"], 0.02);
    assert_eq!(reopened.config_json()["torch_dtype"], "bfloat16");
}

#[test]
fn what_cannot_be_stored_is_refused_before_anything_is_written() {
    let bad = |value: f32| {
        let mut tensors = tensors();
        tensors.get_mut("model.norm.weight").unwrap().data[1] = value;
        tensors
    };
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::new(config(), GenerationConfig::default());
    let save = |tensors: &TensorMap, dtype| {
        let options = SaveOptions { dtype, ..SaveOptions::default() };
        checkpoint.save(directory.path(), tensors, &options).unwrap_err().to_string()
    };
    let message = save(&bad(f32::NAN), Dtype::F32);
    assert!(message.contains("`model.norm.weight` is not finite: element 1 is NaN"), "{message}");
    let message = save(&bad(70_000.0), Dtype::F16);
    assert!(message.contains("70000, beyond the range of float16; save as f32 or bf16"), "{message}");
    assert!(files(directory.path()).is_empty());
}

#[test]
fn ranges_are_those_of_the_rounded_types() {
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F16] {
        let finite_once_stored = |value: f32| match dtype {
            Dtype::F32 => value.is_finite(),
            Dtype::Bf16 => half::bf16::from_f32(value).is_finite(),
            Dtype::F16 => half::f16::from_f32(value).is_finite(),
        };
        for edge in [65_504.0, 65_520.0, half::bf16::MAX.to_f32(), 3.396_177_5e38, f32::MAX] {
            for value in [edge, edge.next_down(), edge.next_up(), -edge, f32::NAN, 0.0] {
                assert_eq!(dtype.holds(&[1.0, value]), finite_once_stored(value), "{dtype:?}: {value}");
            }
        }
    }
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let directory = saved(&tensors(), SaveOptions::default());
    let path = directory.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let message = failure(directory.path());
    assert!(message.contains("`model.norm.weight` is not finite: element 1 is -inf"), "{message}");
}

#[test]
fn a_repeated_head_is_dropped_and_a_different_one_refused() {
    let with_head = |head: &HostTensor| {
        let mut tensors = tensors();
        tensors.insert("lm_head.weight".into(), head.clone());
        tensors.insert(
            "model.layers.0.self_attn.rotary_emb.inv_freq".into(),
            HostTensor { shape: vec![1], data: vec![1.0] },
        );
        tensors
    };
    let embedding = tensors()["model.embed_tokens.weight"].clone();
    assert_eq!(load(saved(&with_head(&embedding), SaveOptions::default()).path()).unwrap(), tensors());
    let mut head_only = with_head(&embedding);
    head_only.remove("model.embed_tokens.weight");
    assert_eq!(load(saved(&head_only, SaveOptions::default()).path()).unwrap(), tensors());
    let other = HostTensor { data: vec![0.0; 6], ..embedding };
    let message = failure(saved(&with_head(&other), SaveOptions::default()).path());
    assert!(message.contains("set `tie_word_embeddings` to false"), "{message}");
}

#[test]
fn damaged_files_are_named_with_what_is_wrong() {
    let directory = saved(&tensors(), SaveOptions::default());
    let path = directory.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let cut = |len: usize| {
        fs::write(&path, &whole[..len]).unwrap();
        failure(directory.path())
    };
    assert!(cut(5).contains("only 5 bytes, too short for a header"));
    assert!(cut(40).contains("claims a header of"));
    assert!(cut(whole.len() - 1).contains("is damaged: it is cut off"));
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(failure(directory.path()).contains("it is too long"));

    let tensor = |from: usize, to: usize| json!({ "dtype": "F32", "shape": [2], "data_offsets": [from, to] });
    write_raw(directory.path(), &json!({ "a": tensor(0, 8), "b": tensor(4, 12) }).to_string(), 12);
    assert!(failure(directory.path()).contains("its header is malformed"));
    write_raw(directory.path(), &json!({ "a": tensor(0, 16) }).to_string(), 16);
    assert!(failure(directory.path()).contains("its header is malformed"));
    let huge = json!({ "a": { "dtype": "F32", "shape": [u64::MAX, 8], "data_offsets": [0, 8] } });
    write_raw(directory.path(), &huge.to_string(), 8);
    assert!(failure(directory.path()).contains("its header is malformed"));
    write_raw(
        directory.path(),
        &json!({ "a": { "dtype": "I8", "shape": [2], "data_offsets": [0, 2] } }).to_string(),
        2,
    );
    assert!(failure(directory.path()).contains("tensor `a` in"));
}

#[test]
fn an_index_must_name_files_beside_it() {
    let directory = saved(&tensors(), SaveOptions { shard_bytes: 1, ..SaveOptions::default() });
    let index = directory.path().join("model.safetensors.index.json");
    let point_to = |file: &str| {
        let json = json!({ "weight_map": { "model.norm.weight": file } });
        fs::write(&index, json.to_string()).unwrap();
        failure(directory.path())
    };
    assert!(point_to("model-00009-of-00009.safetensors").contains("which is not there"));
    assert!(point_to("../secret.safetensors").contains("is not a file name"));
    assert!(point_to("/etc/passwd").contains("is not a file name"));
    assert!(point_to("model-00001-of-00002.safetensors").contains("has no tensor `model.norm.weight`"));
    fs::write(&index, "[]").unwrap();
    assert!(failure(directory.path()).contains("it is not a JSON object"));
    fs::remove_file(&index).unwrap();
    assert!(failure(directory.path()).contains("has neither model.safetensors nor"));
    assert!(failure(Path::new("/nowhere")).contains("has no config.json"));
}

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = saved(&tensors(), SaveOptions::default());
    fs::read(directory.path().join("model.safetensors")).unwrap()
});

/// A directory without weights, made faster than by saving, which waits for the disk.
fn with_config() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.json"), Value::Object(config().to_json()).to_string()).unwrap();
    directory
}

/// Loads a directory whose weight file is `bytes`.
fn load_bytes(bytes: &[u8]) -> Result<TensorMap> {
    let directory = with_config();
    fs::write(directory.path().join("model.safetensors"), bytes).unwrap();
    load(directory.path())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn random_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load_bytes(&bytes).is_err());
    }

    #[test]
    fn a_file_that_is_cut_off_is_an_error(len in 0..WHOLE.len()) {
        prop_assert!(load_bytes(&WHOLE[..len]).is_err());
    }

    #[test]
    fn flipped_bits_are_an_error_or_other_tensors(flips in prop::collection::vec((0..WHOLE.len(), 0_u32..8), 1..4)) {
        let mut bytes = WHOLE.clone();
        for (place, bit) in &flips {
            bytes[*place] ^= 1 << bit;
        }
        if let Ok(loaded) = load_bytes(&bytes) {
            prop_assert!(loaded.values().all(|tensor| tensor.data.len() == tensor.shape.iter().product::<usize>()));
            prop_assert!(loaded.values().flat_map(|tensor| &tensor.data).all(|value| value.is_finite()));
        }
    }

    #[test]
    fn any_header_is_read_or_refused(header in "\\{(\"[a-c]\":\\{\"dtype\":\"(F32|F16|U8)\",\"shape\":\\[[0-9]{1,20}\\],\"data_offsets\":\\[[0-9],[0-9]{1,20}\\]\\},?){0,3}\\}", data in 0_usize..64) {
        let directory = with_config();
        write_raw(directory.path(), &header, data);
        if let Ok(loaded) = load(directory.path()) {
            prop_assert!(loaded.values().all(|tensor| tensor.data.len() * 2 <= data));
        }
    }
}
