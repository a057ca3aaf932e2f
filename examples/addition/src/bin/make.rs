//! Makes the rows and the untrained model of this example: `cargo run -p addition --bin make`.
//!
//! Everything is a function of the seed below, so it makes the same files again.

use std::{fs, io::Write as _, path::Path};

use agentscope_tuner::policy::{
    Params, PolicyConfig,
    checkpoint::{Checkpoint, Dtype, SaveOptions},
    config::GenerationConfig,
    device::Cpu,
    tokenizer::SpelledVocabulary,
};
use agentscope_tuner::seed;
use serde_json::{Value, json};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const SEED: u64 = 7;
/// Of 8,100 sums of two numbers with two digits.
const TEST_ROWS: usize = 400;
/// Rows that are also given as examples.
const EXAMPLES: usize = 4000;
/// Ids of the special tokens.
const PAD: u32 = 0;
const END: u32 = 2;
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
/// What an engine reads as a tool call is one token each.
const TAGS: [&str; 2] = ["<tool_call>", "</tool_call>"];
const CHARACTERS: &str = "0123456789+=abdegmnorstu{}\":, \n";
/// The role is one letter, tools are not described: the model learns them by heart. A call is spelled field by field, since servers
/// (vLLM) hand `function` on with its fields in another order.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role[0] }}{{ m.content }}\
    {% for c in m.tool_calls or [] %}\
    <tool_call>{\"name\": {{ c.function.name | tojson }}, \"arguments\": {{ c.function.arguments | tojson }}}</tool_call>\
    {% endfor %}<|im_end|>{% endfor %}\
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
    let tags = SPECIAL.iter().chain(&TAGS).map(|text| (*text).to_owned());
    let tokens: Vec<String> = tags.chain(CHARACTERS.chars().map(String::from)).collect();
    let config = PolicyConfig { max_position_embeddings: 128, ..PolicyConfig::llama(tokens.len(), 96, 2, 4) };
    let generation =
        GenerationConfig { eos_token_ids: vec![END], pad_token_id: Some(PAD), ..GenerationConfig::default() };
    let tensors = Params::init(&Cpu::default(), &config, 0.08, SEED)?.to_tensors()?;
    let options = SaveOptions { dtype: Dtype::Bf16, ..SaveOptions::default() };
    Checkpoint::new(config, generation).save(directory, &tensors, &options)?;
    SpelledVocabulary { tokens, special: SPECIAL.len(), eos: END, pad: PAD }.save(directory)?;
    Ok(fs::write(directory.join("chat_template.jinja"), TEMPLATE)?)
}
