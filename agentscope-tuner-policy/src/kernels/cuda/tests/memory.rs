//! Sums, rows by number, and the optimiser.

use super::{Emulated, assert_close, wide};
use crate::{
    kernels::cuda::ops::{
        elementwise,
        embedding::{self, Ids},
        optimizer,
    },
    optimizer::AdamWUpdate,
    testing::numbers,
};

#[test]
fn sums_of_buffers_and_rows() {
    let card = Emulated::default();
    for len in [0, 1, 300, 70_001] {
        let (mut into, values) = (numbers(len, 1), numbers(len, 2));
        let exact: Vec<f32> = into.iter().zip(&values).map(|(a, b)| a + b).collect();
        elementwise::add(&card, &mut into, &values).unwrap();
        assert_eq!(into, exact);
    }
    assert!(elementwise::add(&card, &mut vec![0.0], &vec![0.0; 2]).is_err());
    for (rows, columns) in [(1, 1), (3, 5), (200, 131), (65, 128)] {
        let (values, bias) = (numbers(rows * columns, 3), numbers(columns, 4));
        for residual in [None, Some(&values)] {
            let out = elementwise::spread(&card, rows, &bias, residual).unwrap();
            let added = |i: usize| bias[i % columns] + residual.map_or(0.0, |residual| residual[i]);
            assert!(out.iter().enumerate().all(|(i, out)| *out == added(i)));
        }
        let mut into = bias.clone();
        elementwise::add_rows(&card, &mut into, &values).unwrap();
        let sum = |c: usize| values.iter().skip(c).step_by(columns).copied().map(f64::from).sum::<f64>();
        let exact: Vec<f64> = (0..columns).map(|c| f64::from(bias[c]) + sum(c)).collect();
        assert_close("rows", &into, &exact, 1e-6);
    }
}

#[test]
fn rows_by_number_and_their_gradient() {
    let card = Emulated::default();
    for columns in [1, 3, 290] {
        let table = numbers(7 * columns, 5);
        let ids = [6_u32, 0, 6, 6, 2, 0];
        let on_card = Ids::new(&card, &ids).unwrap();
        let rows = embedding::gather(&card, &table, columns, &on_card).unwrap();
        for (row, id) in rows.chunks(columns).zip(ids) {
            assert_eq!(row, &table[id as usize * columns..][..columns]);
        }
        let values = numbers(ids.len() * columns, 6);
        let (mut into, mut exact) = (table.clone(), table.clone());
        embedding::scatter_add(&card, &mut into, columns, &on_card, &values).unwrap();
        for (values, id) in values.chunks(columns).zip(ids) {
            let row = &mut exact[id as usize * columns..][..columns];
            row.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        // In the order of the ids, so to the bit.
        assert_eq!(into, exact);
        let short = table[columns..].to_vec();
        assert!(embedding::gather(&card, &short, columns, &on_card).is_err());
        assert!(embedding::scatter_add(&card, &mut short.clone(), columns, &on_card, &values).is_err());
    }
    let none = Ids::new(&card, &[]).unwrap();
    assert!(embedding::gather(&card, &vec![1.0], 1, &none).unwrap().is_empty());
    embedding::scatter_add(&card, &mut vec![1.0], 1, &none, &vec![]).unwrap();
}

#[test]
fn adamw_is_that_of_the_cpu() {
    use crate::{
        device::{Cpu, Device},
        optimizer::UpdateKernels,
    };
    let (card, cpu) = (Emulated::default(), Cpu::default());
    let update = AdamWUpdate {
        first_rate: 0.1,
        second_keep: 0.99,
        second_rate: 0.01,
        epsilon: 1e-8,
        step_size: 0.02,
        root_correction: 0.3,
        keep: 0.98,
        gradient_scale: 0.7,
    };
    for len in [0, 1, 1000] {
        let mut ours = [1, 2, 3].map(|seed| numbers(len, seed));
        ours[2].iter_mut().for_each(|square| *square = square.abs());
        let [mut weights, mut first, mut second] = ours.each_ref().map(|values| cpu.upload(values).unwrap());
        for step in 0..3 {
            let gradient = numbers(len, 10 + step);
            let [w, m, v] = &mut ours;
            optimizer::adamw(&card, w, [m, v], &gradient, update).unwrap();
            let gradient = cpu.upload(&gradient).unwrap();
            cpu.adamw(&mut weights, [&mut first, &mut second], &gradient, update).unwrap();
        }
        for (ours, exact) in ours.iter().zip([weights, first, second]) {
            assert_close("after three steps", ours, &wide(&exact), 1e-6);
        }
    }
    let [mut w, mut m, mut v] = [4, 4, 3].map(|len| vec![0.0; len]);
    assert!(optimizer::adamw(&card, &mut w, [&mut m, &mut v], &vec![0.0; 4], update).is_err());
}

#[test]
fn squares_are_summed_in_f64() {
    let card = Emulated::default();
    for len in [0, 1, 255, 70_000, 140_000] {
        let values: Vec<f32> = numbers(len, 7).iter().map(|x| 1000.0 * x).collect();
        let exact: f64 = values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        let ours = optimizer::sum_of_squares(&card, &values).unwrap();
        assert!((ours - exact).abs() <= 1e-13 * exact, "{len}: {ours}, not {exact}");
    }
    assert!(!optimizer::sum_of_squares(&card, &vec![1.0, f32::NAN]).unwrap().is_finite());
    assert!(!optimizer::sum_of_squares(&card, &vec![f32::INFINITY; 3]).unwrap().is_finite());
}
