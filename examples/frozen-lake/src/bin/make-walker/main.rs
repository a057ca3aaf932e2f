//! Makes the rows and the model of this example: `cargo run --release -p frozen-lake --bin make-walker`.
//!
//! The model learns from games of a player who looks where the holes are in two games of five. Same seed, same files. It takes
//! about twelve minutes on two cores.

mod player;

use std::{collections::HashSet, error::Error, fs, io::Write as _, path::Path};

use agentscope_tuner::policy::{
    Params, PolicyConfig,
    chat::ChatTemplate,
    checkpoint::{Checkpoint, Dtype, SaveOptions},
    config::GenerationConfig,
    demonstration::Demonstrations,
    device::Cpu,
    optimizer::{Decay, Schedule},
    tokenizer::{SpelledVocabulary, Tokenizer},
    trainer::{Trainer, TrainerSettings},
};
use frozen_lake::Lake;
use serde_json::json;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const SEED: u64 = 5;
/// Cells of a side.
const SIZE: usize = 4;
const TEST_ROWS: usize = 200;
const TRAIN_ROWS: usize = 1000;
const STEPS: u64 = 900;
/// Games a step.
const BATCH: u64 = 64;
/// Ids of special tokens.
const PAD: u32 = 0;
const END: u32 = 2;
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const WORDS: [&str; 11] = ["P", "F", "H", "G", "\n", "left", "down", "right", "up", "u", "a"];
/// The rules are left out: the model knows them by heart.
const TEMPLATE: &str = "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role[0] }}{{ m.content }}<|im_end|>\
    {% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>a{% endif %}";

fn main() -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let test = rows(&root.join("data"))?;
    model(&root.join("model"), &test)
}

/// Writes the rows; returns the lakes of those that measure. No lake is in both files.
fn rows(directory: &Path) -> Result<HashSet<Lake>> {
    let mut seen = HashSet::new();
    let mut test = HashSet::new();
    let mut files =
        [fs::File::create(directory.join("test.jsonl"))?, fs::File::create(directory.join("train.jsonl"))?];
    for seed in 0.. {
        let lake = Lake::freeze(seed, SIZE)?;
        if !seen.insert(lake.clone()) {
            continue;
        }
        let train = usize::from(seen.len() > TEST_ROWS);
        writeln!(files[train], "{}", json!({ "seed": seed, "size": SIZE }))?;
        if train == 0 {
            test.insert(lake);
        }
        if seen.len() == TEST_ROWS + TRAIN_ROWS {
            break;
        }
    }
    Ok(test)
}

/// A Llama of 0.3 million parameters.
fn model(directory: &Path, test: &HashSet<Lake>) -> Result {
    let tokens: Vec<String> = SPECIAL.iter().chain(&WORDS).map(|text| (*text).to_owned()).collect();
    let shape = PolicyConfig::llama(tokens.len(), 96, 3, 4);
    let config = PolicyConfig { max_position_embeddings: 1024, ..shape };
    fs::create_dir_all(directory)?;
    SpelledVocabulary { tokens, special: SPECIAL.len(), eos: END, pad: PAD }.save(directory)?;
    fs::write(directory.join("chat_template.jinja"), TEMPLATE)?;
    let tokenizer = Tokenizer::open(directory, config.vocab_size)?;
    let template = ChatTemplate::open(directory, &tokenizer)?;
    let demonstrations = Demonstrations { template: &template, tokenizer: &tokenizer, stop_tokens: &[END] };
    let params = Params::init(&Cpu::default(), &config, 0.05, SEED)?;
    let mut trainer = Trainer::new(config.clone(), params, None, TrainerSettings::default())?;
    watch(&mut trainer, &demonstrations, test)?;
    let generation =
        GenerationConfig { eos_token_ids: vec![END], pad_token_id: Some(PAD), ..GenerationConfig::default() };
    let options = SaveOptions { dtype: Dtype::Bf16, ..SaveOptions::default() };
    Ok(Checkpoint::new(config, generation).save(directory, &trainer.params().to_tensors()?, &options)?)
}

/// Learns from games on lakes that are not in `test`.
fn watch(trainer: &mut Trainer<Cpu>, demonstrations: &Demonstrations<'_>, test: &HashSet<Lake>) -> Result {
    let constant = Schedule::constant(3e-3);
    let rate =
        Schedule { warmup_steps: 50, decay: Decay::Cosine, total_steps: STEPS, floor: 0.05, ..constant };
    let lakes = (1 << 32..).map(|seed| Lake::freeze(seed, SIZE));
    let mut lakes = lakes.filter(|lake| !matches!(lake, Ok(lake) if test.contains(lake)));
    for step in 0..STEPS {
        let mut rows = Vec::new();
        for number in step * BATCH..(step + 1) * BATCH {
            let lake = lakes.next().ok_or("no more lakes")??;
            rows.extend(demonstrations.rows(&player::play(lake, SEED, number), None)?);
        }
        let report = trainer.learn_supervised(&rows, 1 << 14, rate.at(step + 1))?;
        if (step + 1) % 100 == 0 {
            say(&format!("{}/{STEPS}: loss {:.4}", step + 1, report.loss));
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program that says how far it is")]
fn say(line: &str) {
    eprintln!("{line}");
}
