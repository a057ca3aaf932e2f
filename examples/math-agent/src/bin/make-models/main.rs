//! Trains the embedded models of this example from nothing: `cargo run --release -p math-agent --bin make-models`.
//!
//! Each learns from dialogues that a seeded generator writes (see `dialogue`): worked solutions, guesses, and calls of the
//! tool, as the system prompt asks for. The larger a model, the more often it works a problem out when nothing is asked for.
//! Same seed, same files. It takes about ten minutes on two cores.

mod dialogue;
mod lexicon;

use std::{error::Error, fs, path::Path};

use agentscope_tuner::policy::{
    Params, PolicyConfig,
    chat::ChatTemplate,
    checkpoint::{Checkpoint, Dtype, SaveOptions},
    config::GenerationConfig,
    demonstration::Demonstrations,
    device::Cpu,
    optimizer::Schedule,
    tokenizer::Tokenizer,
    trainer::{Trainer, TrainerSettings},
};
use dialogue::{Dialogue, Habits};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const SEED: u64 = 11;
/// Dialogues a step.
const BATCH: u64 = 64;

/// A model to make.
struct Recipe {
    name: &'static str,
    width: usize,
    layers: usize,
    steps: u64,
    habits: Habits,
}

const RECIPES: [Recipe; 3] = [
    Recipe { name: "mini", width: 48, layers: 2, steps: 1200, habits: Habits { works_out: 0.1 } },
    Recipe { name: "small", width: 64, layers: 2, steps: 1000, habits: Habits { works_out: 0.15 } },
    Recipe { name: "medium", width: 96, layers: 2, steps: 2500, habits: Habits { works_out: 0.4 } },
];

fn main() -> Result {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for recipe in
        RECIPES.iter().filter(|recipe| wanted.is_empty() || wanted.iter().any(|name| name == recipe.name))
    {
        make(recipe, &root.join(recipe.name))?;
    }
    Ok(())
}

fn make(recipe: &Recipe, directory: &Path) -> Result {
    let vocabulary = lexicon::vocabulary();
    let size = vocabulary.tokens.len();
    let shape = PolicyConfig::llama(size, recipe.width, recipe.layers, recipe.width / 32);
    let config = PolicyConfig { max_position_embeddings: 512, ..shape };
    fs::create_dir_all(directory)?;
    vocabulary.save(directory)?;
    fs::write(directory.join("chat_template.jinja"), lexicon::TEMPLATE)?;
    let tokenizer = Tokenizer::open(directory, config.vocab_size)?;
    let template = ChatTemplate::open(directory, &tokenizer)?;
    let demonstrations =
        Demonstrations { template: &template, tokenizer: &tokenizer, stop_tokens: &[lexicon::END] };
    let params = Params::init(&Cpu::default(), &config, 0.05, SEED)?;
    let mut trainer = Trainer::new(config.clone(), params, None, TrainerSettings::default())?;
    let schedule = Schedule {
        warmup_steps: 50,
        decay: agentscope_tuner::policy::optimizer::Decay::Cosine,
        total_steps: recipe.steps,
        floor: 0.05,
        ..Schedule::constant(3e-3)
    };
    for step in 0..recipe.steps {
        let dialogues =
            (step * BATCH..(step + 1) * BATCH).map(|number| Dialogue::write(SEED, number, recipe.habits));
        let mut rows = Vec::new();
        for dialogue in dialogues {
            rows.extend(demonstrations.rows(&dialogue.messages, None)?);
        }
        let report = trainer.learn_supervised(&rows, 1 << 14, schedule.at(step + 1))?;
        if (step + 1) % 100 == 0 {
            say(&format!("{} {}/{}: loss {:.4}", recipe.name, step + 1, recipe.steps, report.loss));
        }
    }
    let generation = GenerationConfig {
        eos_token_ids: vec![lexicon::END],
        pad_token_id: Some(lexicon::PAD),
        ..GenerationConfig::default()
    };
    let options = SaveOptions { dtype: Dtype::Bf16, ..SaveOptions::default() };
    Checkpoint::new(config, generation).save(directory, &trainer.params().to_tensors()?, &options)?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program that says how far it is")]
fn say(line: &str) {
    eprintln!("{line}");
}
