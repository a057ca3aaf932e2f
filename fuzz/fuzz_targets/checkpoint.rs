//! `model.safetensors` of a model whose configuration is sound: refused, or tensors that fit and are finite.
#![no_main]

use agentscope_tuner_policy::checkpoint::Checkpoint;
use libfuzzer_sys::fuzz_target;

const CONFIG: &str = r#"{"model_type":"llama","vocab_size":3,"hidden_size":2,"intermediate_size":2,"num_hidden_layers":1,
    "num_attention_heads":1,"tie_word_embeddings":true}"#;

fuzz_target!(|bytes: &[u8]| {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("config.json"), CONFIG).expect("room");
    std::fs::write(directory.path().join("model.safetensors"), bytes).expect("room");
    let Ok(checkpoint) = Checkpoint::open(directory.path()) else { return };
    for tensor in checkpoint.tensors().into_iter().flatten().map(|(_, tensor)| tensor) {
        assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>());
        assert!(tensor.data.iter().all(|value| value.is_finite()));
    }
});
