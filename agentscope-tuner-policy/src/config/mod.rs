//! The shape of a model: what `config.json` says, in one vocabulary for all families.

mod families;
mod fields;
mod generation;
mod parse;
mod rope;
#[cfg(test)]
mod tests;
mod write;

pub use generation::GenerationConfig;
pub use rope::RopeScaling;

/// The families whose checkpoints can be read; all share one block: RMSNorm, rotary attention, SwiGLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Architecture {
    /// `LlamaForCausalLM`: Llama 2 and 3.x, SmolLM2.
    Llama,
    /// `MistralForCausalLM`.
    Mistral,
    /// `Qwen2ForCausalLM`: Qwen2 and Qwen2.5, with biases on q, k and v.
    Qwen2,
    /// `Qwen3ForCausalLM`: each head of q and k is normalised before the rotation.
    Qwen3,
}

/// The shape of a model. Every size is at least 1; `num_heads` is a multiple of `num_kv_heads`; `head_dim` is even.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyConfig {
    /// Which family the names and extras of the checkpoint follow.
    pub architecture: Architecture,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width between the two halves of the feed-forward block.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_layers: usize,
    /// Query heads.
    pub num_heads: usize,
    /// Key and value heads, each shared by `num_heads / num_kv_heads` query heads.
    pub num_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Added to the mean square before the root.
    pub rms_norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// Stretching of the rotary frequencies.
    pub rope_scaling: RopeScaling,
    /// Longest context, in tokens.
    pub max_position_embeddings: usize,
    /// The output projection is the embedding itself.
    pub tie_word_embeddings: bool,
    /// q, k and v have biases.
    pub qkv_bias: bool,
    /// The attention's output projection has a bias (Llama with `attention_bias`).
    pub output_bias: bool,
    /// gate, up and down have biases (Llama with `mlp_bias`).
    pub mlp_bias: bool,
    /// Each head of q and k passes an RMSNorm before the rotation.
    pub qk_norm: bool,
    /// How many of the last tokens each token attends to, itself included; none means all.
    pub sliding_window: Option<usize>,
}

impl PolicyConfig {
    /// A Llama of these sizes, without grouped heads, biases or tied embeddings, with a context of 2,048 tokens. The
    /// feed-forward block is 8/3 times as wide, rounded down to a multiple of 16, as its authors have it.
    pub fn llama(vocab_size: usize, hidden_size: usize, num_layers: usize, num_heads: usize) -> Self {
        Self {
            architecture: Architecture::Llama,
            vocab_size,
            hidden_size,
            intermediate_size: 8 * hidden_size / 3 / 16 * 16,
            num_layers,
            num_heads,
            num_kv_heads: num_heads,
            head_dim: hidden_size / num_heads,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::None,
            max_position_embeddings: 2048,
            tie_word_embeddings: false,
            qkv_bias: false,
            output_bias: false,
            mlp_bias: false,
            qk_norm: false,
            sliding_window: None,
        }
    }

    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.num_heads * self.head_dim
    }

    /// Width of all key heads together, and of all value heads together.
    pub fn kv_width(&self) -> usize {
        self.num_kv_heads * self.head_dim
    }

    /// Angular frequency of each of the `head_dim / 2` rotary pairs, in radians a position.
    ///
    /// The base rule is θ_i = base^(−2i / head_dim) (Su et al., RoFormer, arXiv 2104.09864, eq. 15); Llama 3's
    /// stretching is the one its authors published with the 3.1 weights.
    pub fn rope_frequencies(&self) -> Vec<f32> {
        let half = self.head_dim / 2;
        (0..half)
            .map(|i| {
                let exponent = 2.0 * i as f64 / self.head_dim as f64;
                self.rope_scaling.stretch(f64::from(self.rope_theta).powf(-exponent)) as f32
            })
            .collect()
    }
}
