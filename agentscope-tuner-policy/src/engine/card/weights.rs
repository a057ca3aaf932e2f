//! The parameters on a card, matrices as f32 or rounded to bf16.

use dfdx::tensor::Cpu;

use super::outcome;
use crate::{
    error::{Error, Result},
    kernels::{
        cuda::{
            card::Card,
            ops::{
                decode,
                product::{self, Output, View},
            },
        },
        train::Shape,
    },
    params::{LayerParams, Param, Params},
};

/// All parameters. The embedding is the head where the model has them tied.
#[derive(Debug)]
pub(super) struct Weights<C: Card> {
    embedding: Option<Matrix<C>>,
    pub(super) layers: Vec<LayerWeights<C>>,
    pub(super) norm: C::Floats,
    pub(super) head: Affine<C>,
}

/// One block of the model.
#[derive(Debug)]
pub(super) struct LayerWeights<C: Card> {
    pub(super) attention_norm: C::Floats,
    pub(super) qkv: Affine<C>,
    /// Scales of the norms of query and key heads.
    pub(super) head_norms: Option<[C::Floats; 2]>,
    pub(super) output: Affine<C>,
    pub(super) feed_forward_norm: C::Floats,
    pub(super) gate_up: Affine<C>,
    pub(super) down: Affine<C>,
}

/// A matrix, row-major.
#[derive(Debug)]
pub(super) struct Matrix<C: Card> {
    values: C::Floats,
    rows: usize,
    columns: usize,
    half: bool,
}

/// A matrix and its bias.
#[derive(Debug)]
pub(super) struct Affine<C: Card> {
    matrix: Matrix<C>,
    bias: Option<C::Floats>,
}

/// Brings parameters to a card.
struct Upload<'a, C> {
    card: &'a C,
    half: bool,
}

impl<C: Card<Error: Into<Error>>> Weights<C> {
    /// Copies all parameters; matrices are rounded to bf16 where `half`.
    pub(super) fn new(card: &C, params: &Params<Cpu>, half: bool) -> Result<Self> {
        let upload = Upload { card, half };
        Ok(Self {
            embedding: params.head.is_some().then(|| upload.matrix(&params.embedding)).transpose()?,
            layers: params.layers.iter().map(|layer| upload.layer(layer)).collect::<Result<_>>()?,
            norm: upload.vector(&params.norm)?,
            head: upload.affine(params.output_projection(), None)?,
        })
    }

    /// Takes the numbers of `params`, which has the same shape, layer by layer: never are two copies of all of them on the card.
    pub(super) fn refill(&mut self, card: &C, params: &Params<Cpu>, half: bool) -> Result<()> {
        let upload = Upload { card, half };
        if let Some(embedding) = &mut self.embedding {
            *embedding = upload.matrix(&params.embedding)?;
        }
        for (layer, params) in self.layers.iter_mut().zip(&params.layers) {
            *layer = upload.layer(params)?;
        }
        self.norm = upload.vector(&params.norm)?;
        self.head = upload.affine(params.output_projection(), None)?;
        Ok(())
    }
}

impl<C: Card> Weights<C> {
    /// The matrix whose rows are the tokens' embeddings, and whether it is bf16.
    pub(super) fn embedding(&self) -> (&C::Floats, bool) {
        let matrix = self.embedding.as_ref().unwrap_or(&self.head.matrix);
        (&matrix.values, matrix.half)
    }
}

impl<C: Card<Error: Into<Error>>> Upload<'_, C> {
    fn layer(&self, params: &LayerParams<Cpu>) -> Result<LayerWeights<C>> {
        let head_norms = match (&params.query_norm, &params.key_norm) {
            (Some(query), Some(key)) => Some([self.vector(query)?, self.vector(key)?]),
            _ => None,
        };
        Ok(LayerWeights {
            attention_norm: self.vector(&params.attention_norm)?,
            qkv: self.affine(&params.qkv, params.qkv_bias.as_ref())?,
            head_norms,
            output: self.affine(&params.output, params.output_bias.as_ref())?,
            feed_forward_norm: self.vector(&params.feed_forward_norm)?,
            gate_up: self.affine(&params.gate_up, params.gate_up_bias.as_ref())?,
            down: self.affine(&params.down, params.down_bias.as_ref())?,
        })
    }

    fn affine(&self, matrix: &Param<Cpu>, bias: Option<&Param<Cpu>>) -> Result<Affine<C>> {
        Ok(Affine { matrix: self.matrix(matrix)?, bias: bias.map(|bias| self.vector(bias)).transpose()? })
    }

    fn vector(&self, param: &Param<Cpu>) -> Result<C::Floats> {
        outcome(self.card.upload(param.var.value()))
    }

    fn matrix(&self, param: &Param<Cpu>) -> Result<Matrix<C>> {
        let Self { card, half } = *self;
        let (rows, columns) = (param.var.rows(), param.var.columns());
        let mut values = self.vector(param)?;
        if half {
            let mut rounded = outcome(card.floats((rows * columns).div_ceil(2)))?;
            outcome(product::halve(card, &values, rows * columns, &mut rounded))?;
            values = rounded;
        }
        Ok(Matrix { values, rows, columns, half })
    }
}

impl<C: Card> Affine<C> {
    /// `out = x Wᵀ + b`, or `out += x Wᵀ + b`, for the first `rows` rows. Where W is bf16, x is rounded into `halves` before.
    pub(super) fn apply(
        &self,
        card: &C,
        (x, rows): (&C::Floats, usize),
        halves: &mut C::Floats,
        out: &mut C::Floats,
        accumulate: bool,
    ) -> std::result::Result<(), C::Error> {
        let Matrix { values, rows: columns, columns: inner, half } = &self.matrix;
        let (columns, inner) = (*columns, *inner);
        let shape = Shape { rows, columns, inner };
        let weights = View { values, offset: 0, row_stride: 1, column_stride: inner };
        let input = |values| View { values, offset: 0, row_stride: inner, column_stride: 1 };
        let target = Output { values: out, offset: 0, row_stride: columns, accumulate };
        if *half {
            product::halve(card, x, rows * inner, halves)?;
            product::product_of_halves(card, target, shape, &input(halves), &weights)?;
        } else {
            product::product(card, target, shape, 1.0, &input(x), &weights)?;
        }
        match &self.bias {
            Some(bias) => decode::add_bias(card, out, rows, bias),
            None => Ok(()),
        }
    }
}
