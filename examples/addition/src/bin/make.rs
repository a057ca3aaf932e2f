//! Makes the rows and the untrained model of this example: `cargo run -p addition --bin make`.
//!
//! Everything is a function of the seed below, so it makes the same files again.

use std::{fs, io::Write as _, path::Path};

use agentscope_tuner::seed;
use agentscope_tuner_policy::{
    Params, PolicyConfig,
    checkpoint::{Checkpoint, Dtype, SaveOptions},
    config::{Architecture, GenerationConfig, RopeScaling},
    device::Cpu,
};
use serde_json::{Value, json};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const SEED: u64 = 7;
/// Of 8,100 sums of two numbers with two digits.
const TEST_ROWS: usize = 400;
/// Rows that are also given as examples.
const EXAMPLES: usize = 4000;
/// Ids 0 to 4. What an engine reads as a tool call is one token each.
const SPECIAL: [&str; 5] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"];
const CHARACTERS: &str = "0123456789+=abdegmnorstu{}\":, \n";
/// The role is one letter, tools are not described: the model learns them by heart.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role[0] }}{{ m.content }}\
    {% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>a{% endif %}";

fn main() -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    rows(&root.join("data"))?;
    model(&root.join("model"))
}

fn rows(directory: &Path) -> Result {
    let mut sums: Vec<(u64, u64)> = (10..100).flat_map(|a| (10..100).map(move |b| (a, b))).collect();
    sums.sort_by_cached_key(|(a, b)| seed::draw(SEED, "sums", [&a.to_le_bytes()[..], &b.to_le_bytes()]));
    let (test, train) = sums.split_at(TEST_ROWS);
    let task =
        |&(a, b): &(u64, u64)| json!({ "question": format!("{a}+{b}="), "answer": (a + b).to_string() });
    fs::create_dir_all(directory)?;
    write(&directory.join("train.jsonl"), train.iter().map(task))?;
    write(&directory.join("test.jsonl"), test.iter().map(task))?;
    let examples = &train[..EXAMPLES];
    write(&directory.join("../examples/mental.jsonl"), examples.iter().map(mental))?;
    write(&directory.join("../examples/with_tool.jsonl"), examples.iter().map(with_tool))
}

fn mental(&(a, b): &(u64, u64)) -> Value {
    json!({ "messages": [
        { "role": "user", "content": format!("{a}+{b}=") },
        { "role": "assistant", "content": (a + b).to_string() },
    ] })
}

fn with_tool(&(a, b): &(u64, u64)) -> Value {
    let call = json!({ "type": "function", "function": { "name": "add", "arguments": { "a": a, "b": b } } });
    json!({ "messages": [
        { "role": "user", "content": format!("{a}+{b}=") },
        { "role": "assistant", "content": "", "tool_calls": [call] },
        { "role": "tool", "content": (a + b).to_string() },
        { "role": "assistant", "content": (a + b).to_string() },
    ] })
}

fn write(path: &Path, rows: impl Iterator<Item = Value>) -> Result {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = fs::File::create(path)?;
    for row in rows {
        writeln!(file, "{row}")?;
    }
    Ok(())
}

/// A Llama of 0.2 million parameters over single characters.
fn model(directory: &Path) -> Result {
    let config = PolicyConfig {
        architecture: Architecture::Llama,
        vocab_size: SPECIAL.len() + CHARACTERS.chars().count(),
        hidden_size: 96,
        intermediate_size: 256,
        num_layers: 2,
        num_heads: 4,
        num_kv_heads: 4,
        head_dim: 24,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: RopeScaling::None,
        max_position_embeddings: 128,
        tie_word_embeddings: false,
        qkv_bias: false,
        output_bias: false,
        mlp_bias: false,
        qk_norm: false,
        sliding_window: None,
    };
    let generation =
        GenerationConfig { eos_token_ids: vec![2], pad_token_id: Some(0), ..GenerationConfig::default() };
    let tensors = Params::init(&Cpu::default(), &config, 0.08, SEED)?.to_tensors()?;
    let options = SaveOptions { dtype: Dtype::Bf16, ..SaveOptions::default() };
    Checkpoint::new(config, generation).save(directory, &tensors, &options)?;
    fs::write(directory.join("tokenizer.json"), format!("{:#}\n", tokenizer()))?;
    let settings = json!({ "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>" });
    fs::write(directory.join("tokenizer_config.json"), format!("{settings:#}\n"))?;
    Ok(fs::write(directory.join("chat_template.jinja"), TEMPLATE)?)
}

fn tokenizer() -> Value {
    let special = SPECIAL.iter().enumerate().map(|(id, text)| {
        json!({ "id": id, "content": text, "special": id < 3, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false })
    });
    let characters = CHARACTERS.chars().map(String::from);
    let all = SPECIAL.iter().map(|text| (*text).to_owned()).chain(characters);
    let vocabulary: serde_json::Map<String, Value> =
        all.enumerate().map(|(id, text)| (text, id.into())).collect();
    json!({
        "version": "1.0",
        "added_tokens": special.collect::<Vec<_>>(),
        "decoder": { "type": "Fuse" },
        "model": { "type": "BPE", "vocab": vocabulary, "merges": [] },
    })
}
