//! The parameters as decoding reads them: every matrix packed for streaming.

use dfdx::tensor::Cpu;

use crate::{
    kernels::packed::Packed,
    params::{LayerParams, Param, Params},
};

/// Packed copies of all parameters, to be refilled in place after an update.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    /// The embedding where the output projection is another matrix.
    embedding: Option<Vec<f32>>,
    pub(crate) layers: Vec<LayerWeights>,
    pub(crate) norm: Vec<f32>,
    pub(crate) head: Packed,
}

/// One block of the model.
#[derive(Clone, Debug)]
pub(crate) struct LayerWeights {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) qkv: Affine,
    pub(crate) query_norm: Option<Vec<f32>>,
    pub(crate) key_norm: Option<Vec<f32>>,
    pub(crate) output: Affine,
    pub(crate) feed_forward_norm: Vec<f32>,
    pub(crate) gate_up: Affine,
    pub(crate) down: Affine,
}

/// A matrix and its bias.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub(crate) matrix: Packed,
    pub(crate) bias: Option<Vec<f32>>,
}

impl Weights {
    /// Packs all parameters.
    pub(crate) fn new(params: &Params<Cpu>) -> Self {
        Self {
            embedding: params.head.is_some().then(|| copy(&params.embedding)),
            layers: params.layers.iter().map(LayerWeights::new).collect(),
            norm: copy(&params.norm),
            head: pack(params.output_projection()),
        }
    }

    /// Takes the numbers of `params`, which has the same shape, into the memory already held.
    pub(crate) fn refill(&mut self, params: &Params<Cpu>) {
        if let Some(embedding) = &mut self.embedding {
            embedding.copy_from_slice(params.embedding.var.value());
        }
        for (layer, params) in self.layers.iter_mut().zip(&params.layers) {
            layer.refill(params);
        }
        self.norm.copy_from_slice(params.norm.var.value());
        self.head.refill(params.output_projection().var.value());
    }

    /// Writes the embedding of `token` into `row`.
    pub(crate) fn embed(&self, token: u32, row: &mut [f32]) {
        match &self.embedding {
            Some(embedding) => row.copy_from_slice(&embedding[token as usize * row.len()..][..row.len()]),
            None => self.head.row_into(token as usize, row),
        }
    }
}

impl LayerWeights {
    fn new(params: &LayerParams<Cpu>) -> Self {
        Self {
            attention_norm: copy(&params.attention_norm),
            qkv: Affine::new(&params.qkv, params.qkv_bias.as_ref()),
            query_norm: params.query_norm.as_ref().map(copy),
            key_norm: params.key_norm.as_ref().map(copy),
            output: Affine::new(&params.output, params.output_bias.as_ref()),
            feed_forward_norm: copy(&params.feed_forward_norm),
            gate_up: Affine::new(&params.gate_up, params.gate_up_bias.as_ref()),
            down: Affine::new(&params.down, params.down_bias.as_ref()),
        }
    }

    fn refill(&mut self, params: &LayerParams<Cpu>) {
        self.attention_norm.copy_from_slice(params.attention_norm.var.value());
        self.qkv.refill(&params.qkv, params.qkv_bias.as_ref());
        refill_vector(&mut self.query_norm, params.query_norm.as_ref());
        refill_vector(&mut self.key_norm, params.key_norm.as_ref());
        self.output.refill(&params.output, params.output_bias.as_ref());
        self.feed_forward_norm.copy_from_slice(params.feed_forward_norm.var.value());
        self.gate_up.refill(&params.gate_up, params.gate_up_bias.as_ref());
        self.down.refill(&params.down, params.down_bias.as_ref());
    }
}

impl Affine {
    fn new(matrix: &Param<Cpu>, bias: Option<&Param<Cpu>>) -> Self {
        Self { matrix: pack(matrix), bias: bias.map(copy) }
    }

    fn refill(&mut self, matrix: &Param<Cpu>, bias: Option<&Param<Cpu>>) {
        self.matrix.refill(matrix.var.value());
        refill_vector(&mut self.bias, bias);
    }
}

fn pack(param: &Param<Cpu>) -> Packed {
    Packed::new(param.var.value(), param.var.rows(), param.var.columns())
}

fn copy(param: &Param<Cpu>) -> Vec<f32> {
    param.var.value().to_vec()
}

fn refill_vector(held: &mut Option<Vec<f32>>, param: Option<&Param<Cpu>>) {
    if let (Some(held), Some(param)) = (held, param) {
        held.copy_from_slice(param.var.value());
    }
}
