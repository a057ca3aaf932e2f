//! That a batch teaches the same however it is cut, and nothing where there is nothing to learn.

use dfdx::tensor::Cpu;

use super::*;
use crate::{
    device::Device,
    loss::{Algorithm, DpoSettings, PolicySettings},
    testing::{params, tiny},
    trainer::{Trainer, TrainerSettings},
    trajectory::Trajectory,
};

fn trainer() -> Trainer<Cpu> {
    Trainer::new(tiny(), params(&tiny(), 5), None, TrainerSettings::default()).unwrap()
}

/// A row whose tokens from `start` on were sampled.
fn row(ids: &[u32], start: usize) -> Trajectory {
    let mask: Vec<bool> = (0..ids.len()).map(|token| token >= start).collect();
    let log_probs = mask.iter().map(|sampled| if *sampled { -1.0 } else { f32::NAN }).collect();
    Trajectory { ids: ids.to_vec(), mask, log_probs }
}

fn examples() -> Vec<Example> {
    let rows = [
        row(&[3, 1, 4, 1, 5, 9, 2], 4),
        row(&[6, 5, 3, 5], 3),
        row(&[5, 8, 9, 7, 9], 2),
        row(&[3, 2, 3], 1),
        row(&[38, 32, 7, 9], 2),
    ];
    // The last two are rows of one rollout.
    let worth = [(0, 1.0), (1, -0.7), (2, 0.4), (3, -1.1), (3, -1.1)];
    rows.into_iter()
        .zip(worth)
        .map(|(row, (rollout, advantage))| Example { row, rollout, advantage })
        .collect()
}

fn update(algorithm: Algorithm) -> PolicyUpdate {
    let policy = PolicySettings { algorithm, max_completion_length: Some(8), ..PolicySettings::default() };
    PolicyUpdate { policy, rollouts: 4, updates: 1, token_budget: 1000 }
}

fn numbers(trainer: &Trainer<Cpu>) -> Vec<f32> {
    let values = |param: &crate::params::Param<Cpu>| param.var.device().download(param.var.value()).unwrap();
    trainer.params().iter().flat_map(values).collect()
}

fn assert_close(ours: &[f32], theirs: &[f32], tolerance: f32) {
    let gap = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap <= tolerance, "{gap}");
}

#[test]
fn the_token_budget_makes_no_difference() {
    use Algorithm::{Cispo, Dapo, DrGrpo, Grpo, Gspo, Rloo};
    let algorithms = [Dapo, Grpo, DrGrpo, Gspo, Cispo, Rloo];
    // In a second step ratios are no longer 1, and of gspo and rloo the one of the last rollout spans two rows.
    for (algorithm, updates) in algorithms.into_iter().flat_map(|algorithm| [(algorithm, 1), (algorithm, 2)])
    {
        let [whole, cut] = [1000, 7].map(|token_budget| {
            let mut trainer = trainer();
            let update = PolicyUpdate { token_budget, updates, ..update(algorithm) };
            let report = trainer.learn(&examples(), &update, 1e-3).unwrap();
            (numbers(&trainer), report)
        });
        assert_eq!(whole.1.micro_batches, updates);
        assert!(cut.1.micro_batches > 2);
        // Adam's first step is as large for a small gradient as for a large one, so its rounding shows, in the loss of a
        // second step too.
        let rounding = [1e-6, 1e-5][updates - 1];
        assert!((whole.1.statistics.loss - cut.1.statistics.loss).abs() < rounding, "{algorithm}");
        assert_close(&whole.0, &cut.0, 2e-5 * updates as f32);
    }
}

#[test]
fn a_divided_batch_takes_a_step_a_part() {
    let mut trainer = trainer();
    let before = numbers(&trainer);
    let update = PolicyUpdate { updates: 2, ..update(Algorithm::Dapo) };
    let report = trainer.learn(&examples(), &update, 1e-3).unwrap();
    assert_eq!((report.steps.len(), report.statistics.trained_tokens), (2, 3 + 1 + 3 + 2 + 2));
    // The second part is no longer where the sampler was.
    assert!(report.statistics.ratio_quantile(1.0).unwrap() > 1.0 + 1e-4);
    assert_ne!(before, numbers(&trainer));
}

#[test]
fn without_a_trained_token_nothing_changes() {
    let mut trainer = trainer();
    let before = numbers(&trainer);
    let masked = |mut example: Example| {
        example.row.mask.fill(false);
        example
    };
    let examples: Vec<Example> = examples().into_iter().map(masked).collect();
    let report = trainer.learn(&examples, &update(Algorithm::Dapo), 1e-3).unwrap();
    assert_eq!((report.statistics.loss, report.steps.len()), (0.0, 0));
    assert_eq!(numbers(&trainer), before);
}

#[test]
fn sampler_and_trainer_are_compared() {
    let mut trainer = trainer();
    let mut examples = examples();
    let report = trainer.learn(&examples, &update(Algorithm::Dapo), 1e-9).unwrap();
    assert!(report.statistics.sampler_gap().unwrap() > 0.5 && report.statistics.sampler_outside() > 0.5);
    for example in &mut examples {
        example.row.log_probs.fill(f32::NAN);
    }
    let report = trainer.learn(&examples, &update(Algorithm::Dapo), 1e-9).unwrap();
    assert_eq!((report.statistics.sampler_gap(), report.statistics.sampler_outside()), (None, 0.0));
}

#[test]
fn examples_become_likelier() {
    let rows: Vec<Trajectory> = examples().into_iter().map(|example| example.row).collect();
    let mut trainer = trainer();
    let losses: Vec<f64> = (0..30).map(|_| trainer.learn_supervised(&rows, 9, 5e-3).unwrap().loss).collect();
    assert!(losses[29] < 0.2 * losses[0], "{losses:?}");
    let [whole, cut] = [1000, 7].map(|budget| self::trainer().learn_supervised(&rows, budget, 0.0).unwrap());
    assert!((whole.loss - cut.loss).abs() < 1e-5 && (whole.entropy - cut.entropy).abs() < 1e-5);
    assert_eq!(self::trainer().learn_supervised(&[], 9, 1e-3).unwrap().step, None);
}

#[test]
fn the_chosen_become_likelier_than_the_rejected() {
    let preferences = [
        Preference { chosen: vec![row(&[3, 1, 4, 1], 2)], rejected: vec![row(&[3, 1, 5, 9], 2)] },
        Preference { chosen: vec![row(&[6, 5, 3], 1), row(&[9, 9, 1], 2)], rejected: vec![row(&[6, 7], 1)] },
        Preference { chosen: vec![], rejected: vec![row(&[6, 7], 1)] },
    ];
    let mut trainer = trainer();
    let settings = DpoSettings::default();
    let refused = trainer.learn_preferences(&preferences, &settings, 100, 1e-3).unwrap_err();
    assert!(refused.to_string().contains("set a reference"), "{refused}");
    trainer.refer_to(params(&tiny(), 5));
    let reports: Vec<_> =
        (0..20).map(|_| trainer.learn_preferences(&preferences, &settings, 6, 1e-3).unwrap()).collect();
    assert_eq!(reports[0].pairs, 2);
    assert!((reports[0].statistics.loss - std::f64::consts::LN_2).abs() < 1e-7);
    assert!(reports[19].statistics.loss < 0.5 && reports[19].statistics.accuracy == 1.0, "{:?}", reports[19]);
}

/// Groups of answers to prompts of several lengths; the third has two rows a rollout, the second of another prompt.
fn groups() -> Vec<Example> {
    let token = |seed: usize| (seed * 7919 % 60) as u32 + 3;
    let mut examples = Vec::new();
    for (group, (prompt, answers)) in [(2, 3), (40, 5), (150, 4), (1, 2)].into_iter().enumerate() {
        for answer in 0..answers {
            let own = 1 + (answer * 17 + group) % 40;
            let ids: Vec<u32> =
                (0..prompt + own)
                    .map(|place| {
                        if place < prompt { token(group * 1000 + place) } else { token(answer * 31 + place) }
                    })
                    .collect();
            let rollout = examples.len();
            let advantage = (answer as f64 - 1.0) / (group + 1) as f64;
            examples.push(Example { row: row(&ids, prompt), rollout, advantage });
            if group == 2 {
                examples.push(Example { row: row(&ids[answer..][..12], 9), rollout, advantage });
            }
        }
    }
    examples
}

#[test]
fn a_prompt_that_is_read_once_teaches_the_same() {
    use super::micro::{Cut, Unit, micro_batches};
    for config in [tiny(), crate::PolicyConfig { qk_norm: true, head_dim: 16, ..tiny() }] {
        let trainer =
            Trainer::new(config.clone(), params(&config, 5), None, TrainerSettings::default()).unwrap();
        let examples = groups();
        let units: Vec<Unit<'_>> = examples.iter().map(|example| vec![&example.row]).collect();
        let values = |shares: bool| {
            let [micro] = &micro_batches(&units, Cut { budget: 10_000, shares }).unwrap()[..] else {
                panic!("all fits one micro-batch");
            };
            let [log_probs, _] = trainer.evaluate(&micro.batch, &micro.targets).unwrap();
            let mut rest = &log_probs[..];
            let mut of_unit = vec![Vec::new(); units.len()];
            for unit in &micro.units {
                let (own, after) = rest.split_at(units[*unit][0].trained());
                (of_unit[*unit], rest) = (own.to_vec(), after);
            }
            (of_unit, micro.batch.ids().len())
        };
        let ((shared, fewer), (whole, tokens)) = (values(true), values(false));
        assert!(fewer * 2 < tokens, "{fewer} of {tokens} tokens");
        assert_close(&shared.concat(), &whole.concat(), 1e-4);
    }
}

#[test]
fn gradients_flow_into_a_shared_prompt() {
    // With a window as long as the context, nothing is shared and everything is seen.
    let windowed = crate::PolicyConfig { sliding_window: Some(256), ..tiny() };
    let learnt = [tiny(), windowed].map(|config| {
        let mut trainer =
            Trainer::new(config.clone(), params(&config, 5), None, TrainerSettings::default()).unwrap();
        let update = PolicyUpdate { rollouts: 14, token_budget: 300, ..update(Algorithm::Dapo) };
        let report = trainer.learn(&groups(), &update, 1e-3).unwrap();
        (numbers(&trainer), report)
    });
    assert!(learnt[0].1.micro_batches < learnt[1].1.micro_batches);
    let [shared, whole] = learnt.each_ref().map(|(_, report)| report.steps[0].grad_norm);
    assert!((shared - whole).abs() < 1e-5 * whole, "{shared} and {whole}");
    assert_close(&learnt[0].0, &learnt[1].0, 5e-5);
}
