//! Rotary embedding and causal attention on the tape.

use std::sync::Arc;

use dfdx::tensor::Tape;

use super::{Kernels, Step, slot};
use crate::{
    kernels::train::{HeadNorms, HeadNormsBackward, Heads},
    params::Param,
    var::Var,
};

/// What all blocks of a forward pass share.
#[derive(Debug)]
pub(super) struct Packing<D: Kernels> {
    pub(super) heads: Heads,
    pub(super) eps: f32,
    pub(super) layout: D::Layout,
}

/// The scales of the norms of query and key heads (Qwen3).
#[derive(Clone)]
struct Norms<D: Kernels> {
    query: Param<D>,
    key: Param<D>,
    eps: f32,
}

impl<D: Kernels> Norms<D> {
    fn values(&self) -> HeadNorms<'_, D> {
        HeadNorms { query: self.query.var.value(), key: self.key.var.value(), eps: self.eps }
    }
}

/// From q, k and v side by side to one rotated matrix a head; `norms` are the scales of the query and the key heads.
pub(super) fn split_heads<D: Kernels, T: Tape<f32, D>>(
    qkv: Var<D, T>,
    norms: Option<(&Param<D>, &Param<D>)>,
    packing: &Arc<Packing<D>>,
) -> Step<D, T> {
    let (qkv, mut tape) = qkv.split_tape();
    let (device, heads) = (qkv.device().clone(), packing.heads);
    let norms = norms.map(|(query, key)| Norms { query: query.clone(), key: key.clone(), eps: packing.eps });
    let values = norms.as_ref().map(Norms::values);
    let split = device.split_heads(qkv.value(), heads, &packing.layout, values)?;
    let y = Var::new(&device, split, qkv.rows() * qkv.columns() / heads.head_dim, heads.head_dim);
    let (node, input, packing) = (y.node().clone(), qkv.node().clone(), Arc::clone(packing));
    // Only the norms read the input again.
    let normed = match norms {
        Some(norms) => Some((qkv, norms)),
        None => {
            qkv.recycle();
            None
        }
    };
    tape.add_backward_op(move |grads| {
        let Some(dy) = slot::take(grads, &node)? else { return Ok(()) };
        let Some((qkv, norms)) = normed else {
            let gradient = device.split_heads_backward(&dy, heads, &packing.layout, None)?;
            device.recycle(dy);
            return slot::give(grads, &input, gradient);
        };
        let len = heads.head_dim;
        let mut dscales = [device.zeroed(len)?, device.zeroed(len)?];
        let backward =
            HeadNormsBackward { qkv: qkv.value(), norms: norms.values(), dscales: Some(dscales.each_mut()) };
        let gradient = device.split_heads_backward(&dy, heads, &packing.layout, Some(backward))?;
        for (param, dscale) in [&norms.query, &norms.key].into_iter().zip(dscales) {
            if param.trainable {
                slot::give(grads, param.var.node(), dscale)?;
            }
        }
        device.recycle(dy);
        qkv.recycle();
        slot::give(grads, &input, gradient)
    });
    Ok(y.put_tape(tape))
}

/// softmax(q kᵀ / √head_dim) v within each sequence, `rows x query_width`.
pub(super) fn attention<D: Kernels, T: Tape<f32, D>>(
    split: Var<D, T>,
    packing: &Arc<Packing<D>>,
) -> Step<D, T> {
    let (split, mut tape) = split.split_tape();
    let (device, heads) = (split.device().clone(), packing.heads);
    let (out, log_sums) = device.attention(split.value(), heads, &packing.layout)?;
    let y = Var::new(&device, out, heads.rows, heads.query_heads * heads.head_dim);
    let (out, packing) = (y.clone(), Arc::clone(packing));
    tape.add_backward_op(move |grads| {
        let Some(dy) = slot::take(grads, out.node())? else { return Ok(()) };
        let saved = (out.value(), &log_sums);
        let gradient = device.attention_backward(split.value(), saved, &dy, heads, &packing.layout)?;
        device.recycle(dy);
        let node = split.node().clone();
        split.recycle();
        out.recycle();
        slot::give(grads, &node, gradient)
    });
    Ok(y.put_tape(tape))
}
