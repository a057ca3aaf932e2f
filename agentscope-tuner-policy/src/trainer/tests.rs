//! Training end to end on tiny models: what accumulates equals what comes at once, small sets are learnt, runs go on.

use dfdx::tensor::Cpu;

use super::{Trainer, TrainerSettings};
use crate::{
    PolicyConfig, TensorMap,
    adapter::LoraConfig,
    loss::{
        AdvantageSettings, Algorithm, PolicySettings, Row, Rows, Totals, advantages, policy_loss, sft_loss,
    },
    optimizer::{AdamWSettings, Schedule},
    packing::pack,
    tape::{Batch, ForwardSettings, Targets},
    testing::{families, params, tiny},
};

const SEQUENCES: [&[u32]; 8] = [
    &[3, 1, 4, 1, 5, 9, 2],
    &[6, 5, 3],
    &[5, 8, 9, 7, 9],
    &[3, 2],
    &[3, 8, 4, 6, 2, 6, 4, 3],
    &[38, 32, 7, 9],
    &[50, 2, 8, 8, 4, 1],
    &[9, 7, 1, 6, 9, 3, 9],
];

fn trainer(config: &PolicyConfig, optimizer: AdamWSettings) -> Trainer<Cpu> {
    let settings = TrainerSettings { optimizer, ..TrainerSettings::default() };
    Trainer::new(config.clone(), params(config, 5), None, settings).unwrap()
}

fn targets_in(sequences: &[&[u32]]) -> usize {
    sequences.iter().map(|sequence| sequence.len() - 1).sum()
}

/// One step of supervised training over the sequences, in the given parts; the loss before it.
fn step(trainer: &mut Trainer<Cpu>, parts: &[Vec<usize>], rate: f64) -> f64 {
    let total = targets_in(&SEQUENCES);
    let mut loss = 0.0;
    for part in parts {
        let batch = Batch::new(part.iter().map(|index| SEQUENCES[*index]));
        let targets = Targets::next_tokens(&batch);
        let mask = vec![true; targets.ids().len()];
        loss += trainer.accumulate(&batch, &targets, |outputs| sft_loss(outputs, &mask, total)).unwrap().loss;
    }
    let report = trainer.step(rate).unwrap();
    assert!(!report.skipped && report.grad_norm > 0.0);
    loss
}

fn whole() -> Vec<Vec<usize>> {
    vec![(0..SEQUENCES.len()).collect()]
}

fn tensors(trainer: &Trainer<Cpu>) -> TensorMap {
    trainer.params().to_tensors().unwrap()
}

fn largest_difference(a: &TensorMap, b: &TensorMap) -> f32 {
    let pairs = a.values().zip(b.values()).flat_map(|(a, b)| a.data.iter().zip(&b.data));
    pairs.fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

/// A micro-batch of one, eight times, is a batch of eight. Compared before the optimiser, whose first step turns rounding
/// errors of gradients near 0 into whole steps, and after ten steps of it.
#[test]
fn accumulation_equals_the_whole_batch() {
    for config in families() {
        // A large epsilon makes the step smooth in the gradient.
        let optimizer = AdamWSettings { epsilon: 1e-3, ..AdamWSettings::default() };
        let (mut at_once, mut cut, mut packed) =
            (trainer(&config, optimizer), trainer(&config, optimizer), trainer(&config, optimizer));
        let single: Vec<Vec<usize>> = (0..SEQUENCES.len()).map(|index| vec![index]).collect();
        let lengths = SEQUENCES.map(<[u32]>::len);
        let parts = pack(&lengths, 16).unwrap();
        assert!(parts.len() > 2 && parts.len() < 8);
        for _ in 0..10 {
            let exact = step(&mut at_once, &whole(), 1e-3);
            assert!((step(&mut cut, &single, 1e-3) - exact).abs() < 1e-5);
            assert!((step(&mut packed, &parts, 1e-3) - exact).abs() < 1e-5);
        }
        let exact = tensors(&at_once);
        for other in [&cut, &packed] {
            let difference = largest_difference(&tensors(other), &exact);
            assert!(difference < 1e-6, "{:?}: weights differ by {difference}", config.architecture);
        }
    }
}

#[test]
fn a_small_set_is_learnt() {
    let mut full = trainer(&tiny(), AdamWSettings::default());
    let place = |trainer: &Trainer<Cpu>| trainer.params().embedding.var.value().as_ptr();
    let before = place(&full);
    let first = step(&mut full, &whole(), 1e-2);
    let last = (0..150).map(|_| step(&mut full, &whole(), 1e-2)).last().unwrap();
    assert_eq!(place(&full), before, "updated in place");
    // Prefixes that go on in two ways can't be learnt; here `3` goes on in three.
    assert!(first > 2.0 && last < 0.35, "{first} became {last}");

    let config = LoraConfig { rank: 8, alpha: 16.0, ..LoraConfig::default() };
    let base = params(&tiny(), 5);
    let lora = config.init(&base, 1).unwrap();
    let before = base.to_tensors().unwrap();
    let settings =
        TrainerSettings { forward: ForwardSettings { recompute: true }, ..TrainerSettings::default() };
    let mut adapted = Trainer::new(tiny(), base, Some(lora), settings).unwrap();
    let first = step(&mut adapted, &whole(), 1e-2);
    let last = (0..150).map(|_| step(&mut adapted, &whole(), 1e-2)).last().unwrap();
    assert!(last < 0.5 * first, "{first} became {last}");
    assert_eq!(tensors(&adapted), before, "the model beneath stays");
    let batch = Batch::new([SEQUENCES[0]]);
    let targets = Targets::next_tokens(&batch);
    let [with, without] = [adapted.evaluate(&batch, &targets), adapted.evaluate_reference(&batch, &targets)]
        .map(|r| r.unwrap()[0].clone());
    assert!(with.iter().sum::<f32>() > without.iter().sum::<f32>() + 1.0);
}

#[test]
fn a_run_that_is_cut_goes_on_to_the_bit() {
    let config = PolicyConfig { qkv_bias: true, ..tiny() };
    let optimizer = AdamWSettings { weight_decay: 0.01, ..AdamWSettings::default() };
    let schedule = Schedule { warmup_steps: 2, ..Schedule::constant(5e-3) };
    let run = |trainer: &mut Trainer<Cpu>, steps: u64| {
        for _ in 0..steps {
            let rate = schedule.at(trainer.optimizer().steps());
            step(trainer, &whole(), rate);
        }
    };
    let mut straight = trainer(&config, optimizer);
    run(&mut straight, 7);

    let mut first = trainer(&config, optimizer);
    run(&mut first, 4);
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("optimizer.safetensors");
    first.optimizer().save(&state).unwrap();
    let reloaded = crate::Params::new(&Cpu::default(), &config, tensors(&first)).unwrap();
    let settings = TrainerSettings { optimizer, ..TrainerSettings::default() };
    let mut second = Trainer::new(config, reloaded, None, settings).unwrap();
    second.resume(&state).unwrap();
    run(&mut second, 3);
    assert_eq!(largest_difference(&tensors(&second), &tensors(&straight)), 0.0);
    assert_eq!(second.optimizer().to_tensors().unwrap(), straight.optimizer().to_tensors().unwrap());
}

#[test]
fn adapters_that_are_cut_go_on_to_the_bit() {
    let lora_config = LoraConfig { rank: 4, ..LoraConfig::default() };
    let settings = TrainerSettings::default();
    let adapters = |trainer: &Trainer<Cpu>| -> Vec<Vec<f32>> {
        trainer.lora().unwrap().iter().map(|param| param.var.value().to_vec()).collect()
    };
    let run = |trainer: &mut Trainer<Cpu>, steps: usize| {
        for _ in 0..steps {
            step(trainer, &whole(), 5e-3);
        }
    };
    let base = || params(&tiny(), 5);
    let fresh = || {
        let lora = lora_config.init(&base(), 1).unwrap();
        Trainer::new(tiny(), base(), Some(lora), settings).unwrap()
    };
    let (mut straight, mut first) = (fresh(), fresh());
    run(&mut straight, 6);
    run(&mut first, 3);
    let directory = tempfile::tempdir().unwrap();
    lora_config.save(first.lora().unwrap(), directory.path(), None).unwrap();
    let state = directory.path().join("optimizer.safetensors");
    first.optimizer().save(&state).unwrap();
    let (_, lora) = LoraConfig::load(directory.path(), &base()).unwrap();
    let mut second = Trainer::new(tiny(), base(), Some(lora), settings).unwrap();
    second.resume(&state).unwrap();
    run(&mut second, 3);
    assert_ne!(adapters(&second), adapters(&first));
    assert_eq!(adapters(&second), adapters(&straight));
}

/// A bandit: of four answers to one prompt, one is right. Every algorithm finds it.
#[test]
fn every_algorithm_learns_what_is_rewarded() {
    const ANSWERS: [u32; 4] = [10, 20, 30, 40];
    for algorithm in ["dapo", "grpo", "bnpo", "dr_grpo", "gspo", "cispo", "sapo", "rloo", "reinforce"] {
        let algorithm: Algorithm = algorithm.parse().unwrap();
        let settings =
            PolicySettings { algorithm, max_completion_length: Some(1), ..PolicySettings::default() };
        let rewards = vec![Some(0.0), Some(1.0), Some(0.0), Some(0.0)];
        let scored = advantages(&[rewards], &AdvantageSettings::of(algorithm)).unwrap();
        let row = |(rollout, advantage): (usize, &f64)| Row {
            rollout,
            tokens: 1,
            advantage: *advantage,
            rollout_tokens: 1,
        };
        let rows = Rows {
            rows: scored.values[0].iter().enumerate().map(row).collect(),
            mask: vec![true; 4],
            ..Rows::default()
        };
        let totals = Totals::new(4, 4);
        let mut trainer = trainer(&tiny(), AdamWSettings::default());
        let batch = Batch::new(ANSWERS.map(|answer| [7, 2, answer]));
        let targets = Targets::new(vec![1, 4, 7, 10], ANSWERS.to_vec()).unwrap();
        let before = trainer.evaluate(&batch, &targets).unwrap()[0].clone();
        for _ in 0..20 {
            let statistics = trainer
                .accumulate(&batch, &targets, |outputs| policy_loss(outputs, &rows, &totals, &settings))
                .unwrap();
            assert_eq!(statistics.ratio_outside(), 0.0);
            trainer.step(3e-3).unwrap();
        }
        let after = trainer.evaluate(&batch, &targets).unwrap()[0].clone();
        assert!(after[1] > before[1] + 1.0, "{algorithm}: {before:?} became {after:?}");
        assert!([0, 2, 3].iter().all(|wrong| after[*wrong] < before[*wrong]), "{algorithm}: {after:?}");
    }
}

#[test]
fn nothing_to_train_is_refused() {
    let mut frozen = params(&tiny(), 5);
    frozen.iter_mut().for_each(|param| param.trainable = false);
    let error = Trainer::new(tiny(), frozen, None, TrainerSettings::default()).unwrap_err();
    assert!(error.to_string().contains("all parameters are frozen"), "{error}");
}
