//! One block of the model: attention, then the feed-forward part, each on the normalised residual stream.

use std::sync::Arc;

use dfdx::tensor::Tape;

use super::{
    Kernels, LayerAdapters, Step,
    attention::{Packing, attention, split_heads},
    linear::{Linear, linear},
    norm::rms_norm,
    swiglu::swiglu,
};
use crate::{params::LayerParams, var::Var};

/// The parameters of a block, cheap to clone.
#[derive(Clone)]
pub(super) struct Block<D: Kernels> {
    pub(super) params: LayerParams<D>,
    pub(super) adapters: LayerAdapters<D>,
    pub(super) packing: Arc<Packing<D>>,
}

impl<D: Kernels> Block<D> {
    pub(super) fn forward<T: Tape<f32, D>>(&self, x: Var<D, T>) -> Step<D, T> {
        let x = self.attend(x)?;
        self.feed_forward(x)
    }

    fn attend<T: Tape<f32, D>>(&self, x: Var<D, T>) -> Step<D, T> {
        let (params, adapters) = (&self.params, &self.adapters);
        let qkv = Linear { weight: &params.qkv, bias: params.qkv_bias.as_ref(), adapters: &adapters.qkv };
        let output =
            Linear { weight: &params.output, bias: params.output_bias.as_ref(), adapters: &adapters.output };
        let norms = params.query_norm.as_ref().zip(params.key_norm.as_ref());
        let (x, tape) = x.split_tape();
        let h = rms_norm(x.clone().put_tape(tape), &params.attention_norm, self.packing.eps)?;
        let h = linear(h, &qkv, None)?;
        let h = split_heads(h, norms, &self.packing)?;
        let h = attention(h, &self.packing)?;
        linear(h, &output, Some(&x))
    }

    fn feed_forward<T: Tape<f32, D>>(&self, x: Var<D, T>) -> Step<D, T> {
        let (params, adapters) = (&self.params, &self.adapters);
        let gate_up = Linear {
            weight: &params.gate_up,
            bias: params.gate_up_bias.as_ref(),
            adapters: &adapters.gate_up,
        };
        let down = Linear { weight: &params.down, bias: params.down_bias.as_ref(), adapters: &adapters.down };
        let (x, tape) = x.split_tape();
        let h = rms_norm(x.clone().put_tape(tape), &params.feed_forward_norm, self.packing.eps)?;
        let h = linear(h, &gate_up, None)?;
        let h = swiglu(h)?;
        linear(h, &down, Some(&x))
    }
}
