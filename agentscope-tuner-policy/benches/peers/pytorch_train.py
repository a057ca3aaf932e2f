"""Forward and backward of the mean token loss of a Llama in PyTorch: the peer of `benches/train.rs`.

    pip install torch transformers
    python pytorch_train.py LAYERS WIDTH HEADS KV_HEADS INNER VOCABULARY TIED SEQUENCES LENGTH REPEATS THREADS

Prints the milliseconds of each repeat on one line, after two repeats to warm up, and before them the processor time of
a repeat. `DEVICE` and `PRECISION` are those of the bench; with bf16, weights stay f32 and products are autocast.
"""

import os
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def main() -> None:
    sizes = map(int, sys.argv[1:])
    layers, width, heads, kv_heads, inner, vocabulary, tied, sequences, length, repeats, threads = sizes
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    config = LlamaConfig(
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=inner,
        vocab_size=vocabulary,
        tie_word_embeddings=bool(tied),
        max_position_embeddings=length,
    )
    device, precision = os.environ.get("DEVICE", "cpu"), os.environ.get("PRECISION")
    if precision == "tf32":
        torch.set_float32_matmul_precision("high")
    cast = torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")
    finish = torch.cuda.synchronize if device == "cuda" else lambda: None
    model = LlamaForCausalLM(config).to(device)
    ids = torch.randint(vocabulary, (sequences, length), device=device)
    times = []
    for repeat in range(repeats + 2):
        if repeat == 2:
            spent = time.process_time()
        model.zero_grad(set_to_none=True)
        finish()
        start = time.perf_counter()
        with cast:
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        finish()
        times.append((time.perf_counter() - start) * 1e3)
    print((time.process_time() - spent) * 1e3 / repeats, end=" ")
    print(" ".join(f"{ms:.2f}" for ms in times[2:]))


main()
