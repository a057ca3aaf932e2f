//! The parameters of a model: one matrix for each product that the forward pass makes.
//!
//! Matrices that multiply the same input stand stacked in one buffer, q over k over v and gate over up, so that one
//! product serves them all. A stack is row-major, so each [`Piece`] of it is still the tensor that the checkpoint names.

use dfdx::tensor::ZerosTensor;

use crate::{
    config::PolicyConfig,
    device::Device,
    error::{Error, ErrorKind, Result},
    random,
    tensor::{HostTensor, TensorMap},
    var::Var,
};

/// All parameters of a model on device `D`.
#[derive(Clone, Debug)]
pub struct Params<D: Device> {
    /// `vocab_size x hidden_size`.
    pub embedding: Param<D>,
    /// The blocks, first to last.
    pub layers: Vec<LayerParams<D>>,
    /// Scale of the last RMSNorm, `1 x hidden_size`.
    pub norm: Param<D>,
    /// Output projection, `vocab_size x hidden_size`; none when it is the embedding.
    pub head: Option<Param<D>>,
}

/// The parameters of one block.
#[derive(Clone, Debug)]
pub struct LayerParams<D: Device> {
    /// Scale of the RMSNorm before the attention, `1 x hidden_size`.
    pub attention_norm: Param<D>,
    /// q over k over v, `(query_width + 2 kv_width) x hidden_size`.
    pub qkv: Param<D>,
    /// Biases in the order of `qkv`.
    pub qkv_bias: Option<Param<D>>,
    /// Scale of the RMSNorm of each query head, `1 x head_dim`.
    pub query_norm: Option<Param<D>>,
    /// Scale of the RMSNorm of each key head, `1 x head_dim`.
    pub key_norm: Option<Param<D>>,
    /// Output projection of the attention, `hidden_size x query_width`.
    pub output: Param<D>,
    /// Its bias.
    pub output_bias: Option<Param<D>>,
    /// Scale of the RMSNorm before the feed-forward block, `1 x hidden_size`.
    pub feed_forward_norm: Param<D>,
    /// gate over up, `2 intermediate_size x hidden_size`.
    pub gate_up: Param<D>,
    /// Biases in the order of `gate_up`.
    pub gate_up_bias: Option<Param<D>>,
    /// `hidden_size x intermediate_size`.
    pub down: Param<D>,
    /// Its bias.
    pub down_bias: Option<Param<D>>,
}

/// One matrix, made of the checkpoint's tensors stacked by rows.
#[derive(Clone, Debug)]
pub struct Param<D: Device> {
    /// The tensors in it, top to bottom.
    pub pieces: Vec<Piece>,
    /// The numbers, and the identity under which the tape keeps their gradient.
    pub var: Var<D>,
    /// Whether the backward pass computes its gradient.
    pub trainable: bool,
}

/// One tensor of the checkpoint within a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its Hugging Face name.
    pub name: String,
    /// Its sizes there: two for a matrix, one for a vector.
    pub shape: Vec<usize>,
}

impl Piece {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl<D: Device + ZerosTensor<f32>> Params<D> {
    /// Moves the tensors of a checkpoint to `device`.
    ///
    /// # Errors
    /// Names the tensor that is missing or whose sizes differ from what `config` says, and every tensor that is left
    /// over.
    pub fn new(device: &D, config: &PolicyConfig, mut tensors: TensorMap) -> Result<Self> {
        let params = Builder { device, config, source: &mut |piece| taken(&mut tensors, piece) }.params()?;
        match tensors.keys().map(String::as_str).collect::<Vec<_>>() {
            left if left.is_empty() => Ok(params),
            left => Err(weights(format!(
                "the checkpoint holds tensors that this architecture has no place for: {}",
                left.join(", ")
            ))),
        }
    }

    /// A model that has learnt nothing: matrices normal with `deviation` (0.02 is usual), scales 1, biases 0. Each number is a
    /// function of `seed`, the tensor's name and its place alone.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub fn init(device: &D, config: &PolicyConfig, deviation: f64, seed: u64) -> Result<Self> {
        Builder { device, config, source: &mut |piece| Ok(fresh(piece, deviation, seed)) }.params()
    }
}

impl<D: Device> Params<D> {
    /// Every matrix, in the order of the forward pass.
    pub fn iter(&self) -> impl Iterator<Item = &Param<D>> {
        std::iter::once(&self.embedding)
            .chain(self.layers.iter().flat_map(LayerParams::iter))
            .chain(std::iter::once(&self.norm))
            .chain(&self.head)
    }

    /// Every matrix, to change it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Param<D>> {
        std::iter::once(&mut self.embedding)
            .chain(self.layers.iter_mut().flat_map(LayerParams::iter_mut))
            .chain(std::iter::once(&mut self.norm))
            .chain(&mut self.head)
    }

    /// The output projection: the head, or the embedding where they are tied.
    pub fn output_projection(&self) -> &Param<D> {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// Copies all tensors to the host, under the names of the checkpoint.
    ///
    /// # Errors
    /// When the device fails.
    pub fn to_tensors(&self) -> Result<TensorMap> {
        let mut tensors = TensorMap::new();
        for param in self.iter() {
            let values = param.var.device().download(param.var.value())?;
            let mut rest = &values[..];
            for piece in &param.pieces {
                let (data, after) = rest.split_at(piece.len());
                rest = after;
                tensors.insert(
                    piece.name.clone(),
                    HostTensor { shape: piece.shape.clone(), data: data.to_vec() },
                );
            }
        }
        Ok(tensors)
    }
}

impl<D: Device> LayerParams<D> {
    fn iter(&self) -> impl Iterator<Item = &Param<D>> {
        let Self { attention_norm, qkv, qkv_bias, query_norm, key_norm, output, output_bias, .. } = self;
        let Self { feed_forward_norm, gate_up, gate_up_bias, down, down_bias, .. } = self;
        [Some(attention_norm), Some(qkv), qkv_bias.as_ref(), query_norm.as_ref(), key_norm.as_ref()]
            .into_iter()
            .chain([Some(output), output_bias.as_ref(), Some(feed_forward_norm), Some(gate_up)])
            .chain([gate_up_bias.as_ref(), Some(down), down_bias.as_ref()])
            .flatten()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Param<D>> {
        let Self { attention_norm, qkv, qkv_bias, query_norm, key_norm, output, output_bias, .. } = self;
        let Self { feed_forward_norm, gate_up, gate_up_bias, down, down_bias, .. } = self;
        [Some(attention_norm), Some(qkv), qkv_bias.as_mut(), query_norm.as_mut(), key_norm.as_mut()]
            .into_iter()
            .chain([Some(output), output_bias.as_mut(), Some(feed_forward_norm), Some(gate_up)])
            .chain([gate_up_bias.as_mut(), Some(down), down_bias.as_mut()])
            .flatten()
    }
}

/// Asks for the numbers of each piece, one by one.
struct Builder<'a, D> {
    device: &'a D,
    config: &'a PolicyConfig,
    source: &'a mut dyn FnMut(&Piece) -> Result<Vec<f32>>,
}

impl<D: Device + ZerosTensor<f32>> Builder<'_, D> {
    fn params(mut self) -> Result<Params<D>> {
        let config = self.config;
        let (width, vocabulary) = (config.hidden_size, config.vocab_size);
        Ok(Params {
            embedding: self.matrix(&[("model.embed_tokens.weight".into(), vocabulary)], width)?,
            layers: (0..config.num_layers).map(|layer| self.layer(layer)).collect::<Result<_>>()?,
            norm: self.vector(&[("model.norm.weight".into(), width)])?,
            head: (!config.tie_word_embeddings)
                .then(|| self.matrix(&[("lm_head.weight".into(), vocabulary)], width))
                .transpose()?,
        })
    }

    fn layer(&mut self, layer: usize) -> Result<LayerParams<D>> {
        let config = self.config;
        let (width, inner, head) = (config.hidden_size, config.intermediate_size, config.head_dim);
        let name = |rest: &str| format!("model.layers.{layer}.{rest}");
        let [q, k, v] = ["q", "k", "v"].map(|part| name(&format!("self_attn.{part}_proj")));
        let [gate, up, down] = ["gate", "up", "down"].map(|part| name(&format!("mlp.{part}_proj")));
        let output = name("self_attn.o_proj");
        let qkv = [(q, config.query_width()), (k, config.kv_width()), (v, config.kv_width())];
        let gate_up = [(gate, inner), (up, inner)];
        let (output, down) = ([(output, width)], [(down, width)]);
        let norm_of_head = |build: &mut Self, which: &str| {
            config.qk_norm.then(|| build.vector(&[(name(which), head)])).transpose()
        };
        Ok(LayerParams {
            attention_norm: self.vector(&[(name("input_layernorm.weight"), width)])?,
            qkv: self.weight(&qkv, width)?,
            qkv_bias: self.bias(config.qkv_bias, &qkv)?,
            query_norm: norm_of_head(self, "self_attn.q_norm.weight")?,
            key_norm: norm_of_head(self, "self_attn.k_norm.weight")?,
            output: self.weight(&output, config.query_width())?,
            output_bias: self.bias(config.output_bias, &output)?,
            feed_forward_norm: self.vector(&[(name("post_attention_layernorm.weight"), width)])?,
            gate_up: self.weight(&gate_up, width)?,
            gate_up_bias: self.bias(config.mlp_bias, &gate_up)?,
            down: self.weight(&down, inner)?,
            down_bias: self.bias(config.mlp_bias, &down)?,
        })
    }

    fn weight(&mut self, parts: &[(String, usize)], columns: usize) -> Result<Param<D>> {
        self.matrix(&suffixed(parts, "weight"), columns)
    }

    fn bias(&mut self, present: bool, parts: &[(String, usize)]) -> Result<Option<Param<D>>> {
        present.then(|| self.vector(&suffixed(parts, "bias"))).transpose()
    }

    fn matrix(&mut self, parts: &[(String, usize)], columns: usize) -> Result<Param<D>> {
        let pieces =
            parts.iter().map(|(name, rows)| Piece { name: name.clone(), shape: vec![*rows, columns] });
        let rows = parts.iter().map(|(_, rows)| rows).sum();
        self.stack(pieces.collect(), rows, columns)
    }

    fn vector(&mut self, parts: &[(String, usize)]) -> Result<Param<D>> {
        let pieces = parts.iter().map(|(name, len)| Piece { name: name.clone(), shape: vec![*len] });
        let columns = parts.iter().map(|(_, len)| len).sum();
        self.stack(pieces.collect(), 1, columns)
    }

    fn stack(&mut self, pieces: Vec<Piece>, rows: usize, columns: usize) -> Result<Param<D>> {
        let values = match &pieces[..] {
            [whole] => (self.source)(whole)?,
            _ => {
                let mut values = Vec::with_capacity(rows * columns);
                for piece in &pieces {
                    values.extend((self.source)(piece)?);
                }
                values
            }
        };
        let value = self.device.adopt(values)?;
        Ok(Param { pieces, var: Var::new(self.device, value, rows, columns), trainable: true })
    }
}

/// The numbers of `piece`, out of the tensors of a checkpoint.
fn taken(tensors: &mut TensorMap, piece: &Piece) -> Result<Vec<f32>> {
    let Piece { name, shape } = piece;
    let tensor = tensors.remove(name).ok_or_else(|| {
        weights(format!("the checkpoint has no tensor `{name}`; the configuration asks for it"))
    })?;
    match tensor.shape == *shape {
        true => Ok(tensor.data),
        false => Err(weights(format!(
            "tensor `{name}` is {:?}, but the configuration makes it {shape:?}",
            tensor.shape
        ))),
    }
}

/// The numbers that `piece` begins with: matrices normal, scales 1, biases 0.
fn fresh(piece: &Piece, deviation: f64, seed: u64) -> Vec<f32> {
    match piece.shape.len() {
        1 => vec![f32::from(u8::from(piece.name.ends_with("norm.weight"))); piece.len()],
        _ => {
            let key = random::key(seed, &piece.name);
            (0..piece.len() as u64).map(|index| (deviation * random::normal(key, index)) as f32).collect()
        }
    }
}

fn suffixed(parts: &[(String, usize)], suffix: &str) -> Vec<(String, usize)> {
    parts.iter().map(|(name, rows)| (format!("{name}.{suffix}"), *rows)).collect()
}

fn weights(message: String) -> Error {
    Error::new(ErrorKind::Weights, message)
}
