"""Cached decoding of a Llama in PyTorch: the peer of `benches/decode.rs`.

    pip install torch transformers
    python pytorch_decode.py LAYERS WIDTH HEADS KV_HEADS INNER VOCABULARY TIED SEQUENCES PROMPT TOKENS BATCHES

Prints tokens a second, sampling from the whole distribution. `DEVICE` and `PRECISION` are those of the bench.
"""

import os
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM


@torch.inference_mode()
def decode(model, ids, tokens):
    cache = None
    for _ in range(tokens):
        out = model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        ids = torch.multinomial(torch.softmax(out.logits[:, -1], -1), 1)


def main() -> None:
    layers, width, heads, kv_heads, inner, vocabulary, tied, sequences, prompt, tokens, batches = map(int, sys.argv[1:])
    torch.set_num_threads(2)
    torch.manual_seed(0)
    config = LlamaConfig(
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=inner,
        vocab_size=vocabulary,
        tie_word_embeddings=bool(tied),
        max_position_embeddings=prompt + tokens,
    )
    device = os.environ.get("DEVICE", "cpu")
    if os.environ.get("PRECISION") == "tf32":
        torch.set_float32_matmul_precision("high")
    number = torch.bfloat16 if os.environ.get("PRECISION") == "bf16" else torch.float32
    model = LlamaForCausalLM(config).eval().to(device, number)
    ids = torch.randint(vocabulary, (sequences, prompt), device=device)
    decode(model, ids, 3)
    finish = torch.cuda.synchronize if device == "cuda" else lambda: None
    finish()
    start = time.perf_counter()
    for _ in range(batches):
        decode(model, ids, tokens)
    finish()
    print(f"{sequences * tokens * batches / (time.perf_counter() - start):.1f}")


main()
