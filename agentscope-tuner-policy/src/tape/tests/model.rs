//! The whole model against its plain twin.

use dfdx::{
    prelude::SumTo,
    tensor::{Gradients, NoneTape, OwnedTape},
    tensor_ops::Backward,
};

use super::{
    fixture::{Model, TEMPERATURE, batch},
    harness::{TestDevice, assert_close, host, numbers, on_every_device, slopes, values, wide},
    reference::{self, Weights},
};
use crate::{
    config::{Architecture, PolicyConfig},
    params::Param,
    tape::{Adapter, Batch, ForwardSettings, LayerAdapters, Lora, forward, gradient, logits},
};

on_every_device! {
    values_and_gradients_of_every_family,
    low_rank_adapters_train_alone,
    recomputing_changes_no_bit,
    logits_in_blocks_are_the_same,
    packed_equals_one_by_one,
    logits_are_hidden_states_times_the_projection,
    gradients_of_two_passes_add_up,
    adapters_of_another_model_are_refused,
}

/// Log-probabilities, then entropies, of the tokens of `batch`, by the plain model.
fn plain(config: &PolicyConfig, weights: &Weights) -> Vec<f64> {
    let batch = batch();
    let mut pairs = Vec::new();
    for ends in batch.offsets().windows(2) {
        let ids = &batch.ids()[ends[0]..ends[1]];
        let hidden = reference::hidden(config, weights, ids);
        for (hidden, target) in hidden.iter().zip(&ids[1..]) {
            let logits = reference::linear(hidden, reference::projection(weights));
            pairs.push(reference::log_prob(&logits, *target as usize, f64::from(TEMPERATURE)));
        }
    }
    (0..2).flat_map(|which| pairs.iter().map(move |pair| pair[which])).collect()
}

const FAMILIES: [Architecture; 4] =
    [Architecture::Llama, Architecture::Mistral, Architecture::Qwen2, Architecture::Qwen3];
const ALL: usize = 1 << 20;

fn values_and_gradients_of_every_family<D: TestDevice>() {
    for architecture in FAMILIES {
        let model = Model::<D>::new(architecture);
        let tensors = model.params.to_tensors().unwrap();
        let names: Vec<String> = tensors.keys().cloned().collect();
        let inputs: Vec<Vec<f64>> = tensors.values().map(|tensor| wide(&tensor.data)).collect();
        let plain = |inputs: &[Vec<f64>]| {
            plain(&model.config, &names.iter().cloned().zip(inputs.iter().cloned()).collect())
        };
        let exact = plain(&inputs);
        assert_close("values", &model.values(false, ALL), &exact, 1e-5);
        let weights = numbers(77, exact.len());
        let slopes = slopes(&inputs, &weights, plain);
        let mut grads = model.gradients(&weights, false, ALL);
        for param in model.params.iter() {
            let ours = host(param.var.device(), gradient(&mut grads, param).unwrap());
            let mut rest = &ours[..];
            for piece in &param.pieces {
                let (of_piece, after) = rest.split_at(piece.shape.iter().product());
                rest = after;
                let index = names.iter().position(|name| *name == piece.name).unwrap();
                assert_close(&format!("{architecture:?} {}", piece.name), of_piece, &slopes[index], 1e-4);
            }
        }
    }
}

fn low_rank_adapters_train_alone<D: TestDevice>() {
    let mut model = Model::<D>::new(Architecture::Llama);
    model.params.iter_mut().for_each(|param| param.trainable = false);
    let config = &model.config;
    let adapter = |seed: u64, rows: std::ops::Range<usize>, inputs: usize| Adapter {
        a: super::harness::param::<D>(seed, 2, inputs),
        b: super::harness::param(seed + 1, rows.len(), 2),
        rows,
        scale: 0.5,
    };
    let layer = |seed: u64| LayerAdapters {
        qkv: vec![adapter(seed, 0..8, 6), adapter(seed + 2, 12..16, 6)],
        output: vec![adapter(seed + 4, 0..6, 8)],
        gate_up: vec![adapter(seed + 6, 5..10, 6)],
        down: vec![adapter(seed + 8, 0..6, 5)],
    };
    assert_eq!(config.query_width() + 2 * config.kv_width(), 16);
    let lora = Lora { layers: vec![layer(300), layer(400)] };
    let names: Vec<[String; 2]> = (0..2)
        .flat_map(|layer| {
            ["self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj"]
                .map(|part| ["a", "b"].map(|which| format!("{which} model.layers.{layer}.{part}.weight")))
        })
        .collect();
    let inputs: Vec<Vec<f64>> = lora.iter().map(|param| wide(&values(param))).collect();
    let base: Weights =
        model.params.to_tensors().unwrap().into_iter().map(|(name, t)| (name, wide(&t.data))).collect();
    let plain = |inputs: &[Vec<f64>]| {
        let mut merged = base.clone();
        for (pair, [name, _]) in inputs.chunks(2).zip(&names) {
            let (a, b) = (&pair[0], &pair[1]);
            let columns = a.len() / 2;
            let weight = merged.get_mut(&name[2..]).unwrap();
            for (index, weight) in weight.iter_mut().enumerate() {
                let (row, column) = (index / columns, index % columns);
                *weight += 0.5 * (b[2 * row] * a[column] + b[2 * row + 1] * a[columns + column]);
            }
        }
        plain(&model.config, &merged)
    };
    let exact = plain(&inputs);
    let weights = numbers(78, exact.len());
    let slopes = slopes(&inputs, &weights, plain);
    model.lora = Some(lora);
    for recompute in [false, true] {
        assert_close("values", &model.values(recompute, ALL), &exact, 1e-5);
        let mut grads = model.gradients(&weights, recompute, ALL);
        for (index, param) in model.lora.as_ref().unwrap().iter().enumerate() {
            let ours = host(param.var.device(), gradient(&mut grads, param).unwrap());
            assert_close(&names[index / 2][index % 2], &ours, &slopes[index], 1e-4);
        }
        assert!(model.params.iter().all(|param| gradient(&mut grads, param).is_none()));
    }
}

fn all_gradients<D: TestDevice>(model: &Model<D>, grads: &mut Gradients<f32, D>) -> Vec<Vec<f32>> {
    model
        .params
        .iter()
        .map(|param: &Param<D>| host(param.var.device(), gradient(grads, param).unwrap()))
        .collect()
}

fn recomputing_changes_no_bit<D: TestDevice>() {
    for architecture in FAMILIES {
        let model = Model::<D>::new(architecture);
        let weights = numbers(79, 2 * 7);
        let kept = all_gradients(&model, &mut model.gradients(&weights, false, ALL));
        let again = all_gradients(&model, &mut model.gradients(&weights, true, ALL));
        assert_eq!(kept, again, "{architecture:?}");
        assert_eq!(model.values(false, ALL), model.values(true, ALL));
    }
}

fn logits_in_blocks_are_the_same<D: TestDevice>() {
    let model = Model::<D>::new(Architecture::Qwen2);
    let weights = numbers(80, 2 * 7);
    let exact: Vec<Vec<f64>> =
        all_gradients(&model, &mut model.gradients(&weights, false, ALL)).iter().map(|g| wide(g)).collect();
    // The smallest blocks hold 256 numbers, so this vocabulary is cut by rows only; a test of the operation cuts columns.
    for bytes in [0, 100] {
        let ours = all_gradients(&model, &mut model.gradients(&weights, true, bytes));
        ours.iter().zip(&exact).for_each(|(ours, exact)| assert_close("blocks", ours, exact, 1e-5));
    }
}

fn packed_equals_one_by_one<D: TestDevice>() {
    for architecture in FAMILIES {
        let model = Model::<D>::new(architecture);
        let packed = model.log_probs(&batch(), NoneTape, false, ALL).log_probs.as_vec();
        let batch = batch();
        let single: Vec<f32> = batch
            .offsets()
            .windows(2)
            .filter(|ends| ends[1] - ends[0] > 1)
            .flat_map(|ends| {
                let alone = Batch::new([&batch.ids()[ends[0]..ends[1]]]);
                model.log_probs(&alone, NoneTape, false, ALL).log_probs.as_vec()
            })
            .collect();
        assert_close(&format!("{architecture:?}"), &packed, &wide(&single), 1e-6);
    }
}

fn logits_are_hidden_states_times_the_projection<D: TestDevice>() {
    let model = Model::<D>::new(Architecture::Qwen3);
    let settings = ForwardSettings::default();
    let batch = Batch::new([[7_u32, 0, 2]]);
    let hidden = forward(&model.config, &model.params, None, &batch, NoneTape, settings).unwrap();
    let ours = logits(hidden, model.params.output_projection()).unwrap();
    let weights: Weights =
        model.params.to_tensors().unwrap().into_iter().map(|(name, t)| (name, wide(&t.data))).collect();
    let exact: Vec<f64> = reference::hidden(&model.config, &weights, batch.ids())
        .iter()
        .flat_map(|hidden| reference::linear(hidden, reference::projection(&weights)))
        .collect();
    assert_close("logits", &ours.device().download(ours.value()).unwrap(), &exact, 1e-5);
}

fn gradients_of_two_passes_add_up<D: TestDevice>() {
    use dfdx::tensor::{SplitTape, Trace};
    let model = Model::<D>::new(Architecture::Llama);
    let once =
        |tape: OwnedTape<f32, D>| (model.log_probs(&batch(), tape, false, ALL).log_probs.sum()).backward();
    let mut first = once(OwnedTape::default());
    let single = all_gradients(&model, &mut first);
    let none: dfdx::tensor::Tensor<dfdx::shapes::Rank0, f32, D> = D::shared().zeros();
    let (_, tape) = none.traced(first).split_tape();
    let mut second = once(tape);
    for (ours, single) in all_gradients(&model, &mut second).iter().zip(&single) {
        let double: Vec<f64> = single.iter().map(|g| 2.0 * f64::from(*g)).collect();
        assert_close("twice", ours, &double, 1e-5);
    }
}

fn adapters_of_another_model_are_refused<D: TestDevice>() {
    let model = Model::<D>::new(Architecture::Llama);
    let lora = Lora { layers: vec![LayerAdapters::default()] };
    let settings = ForwardSettings::default();
    let result = forward(&model.config, &model.params, Some(&lora), &batch(), NoneTape, settings);
    assert!(result.unwrap_err().to_string().contains("the adapter has 1 layers and the model 2"));
}
