"""TRL trains examples/addition through a real ``worker``, on the CPU. Run by ``test_trl_learns.py``, or by hand:

    cargo build -p addition
    pip install './integrations/python[trl]'
    python integrations/python/tests/learning.py target/debug/addition

A short warm start by examples brings the untrained model to where some answers are right; what reinforcement adds is measured on
rows that neither saw, by greedy decoding.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from agentscope_trainers import Worker
from agentscope_trainers.trl import Rollouts, prompts, reward

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "examples" / "addition"


def rows(name: str) -> list[dict[str, str]]:
    """Rows of the example."""
    return [json.loads(line) for line in (EXAMPLE / "data" / f"{name}.jsonl").read_text().splitlines()]


@contextmanager
def worker(binary: str) -> Iterator[Worker]:
    """A worker of the example, on a free port."""
    os.environ["WORKER_TOKEN"] = secrets.token_urlsafe(16)
    command = [str(pathlib.Path(binary).resolve()), "worker", "--token-env", "WORKER_TOKEN", "--listen", "127.0.0.1:0"]
    command += ["--format", "text", "--set", "run.concurrency=256"]
    process = subprocess.Popen(command, cwd=EXAMPLE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Worker(process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait()


def warm_start(model: Any, tokenizer: Any, steps: int) -> None:
    """Supervised steps on the answers of the training rows."""
    chosen, optimizer = random.Random(7), torch.optim.AdamW(model.parameters(), lr=2e-3)
    examples = rows("train")[:4000]
    for _ in range(steps):
        ids, labels = [], []
        for row in chosen.sample(examples, 64):
            prompt = tokenizer.apply_chat_template(
                [{"role": "user", "content": row["question"]}], add_generation_prompt=True, tokenize=False
            )
            head = tokenizer.encode(prompt, add_special_tokens=False)
            tail = tokenizer.encode(row["answer"], add_special_tokens=False) + [tokenizer.eos_token_id]
            room = 16 - len(head) - len(tail)
            ids.append(head + tail + [tokenizer.pad_token_id] * room)
            labels.append([-100] * len(head) + tail + [-100] * room)
        loss = model(input_ids=torch.tensor(ids), labels=torch.tensor(labels)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def accuracy(model: Any, tokenizer: Any) -> float:
    """Share of the test rows that the likeliest answer gets right."""
    right, test = 0, rows("test")
    for row in test:
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": row["question"]}], add_generation_prompt=True, tokenize=False
        )
        ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False)
        right += tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True) == row["answer"]
    return right / len(test)


def wide(target: pathlib.Path) -> pathlib.Path:
    """The untrained model with three wide heads in the place of four: on a CPU, vLLM has no kernel for theirs."""
    shutil.copytree(EXAMPLE / "model", target)
    config = json.loads((target / "config.json").read_text())
    config |= {"num_attention_heads": 3, "num_key_value_heads": 3, "head_dim": 32, "torch_dtype": "float32"}
    (target / "config.json").write_text(json.dumps(config))
    return target


def learn(binary: str, steps: int, warm_steps: int, vllm: bool) -> dict[str, Any]:
    """Trains, and says what came of it."""
    with tempfile.TemporaryDirectory() as place, worker(binary) as environment:
        return train(environment, pathlib.Path(place), steps, warm_steps, vllm)


def train(environment: Worker, place: pathlib.Path, steps: int, warm_steps: int, vllm: bool) -> dict[str, Any]:
    """The same below ``place``, with the agents of ``environment``."""
    torch.manual_seed(7)
    transformers.set_seed(7)
    directory = wide(place / "model") if vllm else EXAMPLE / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory, padding_side="left")
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    warm_start(model, tokenizer, warm_steps)
    before = accuracy(model, tokenizer)
    config = GRPOConfig(
        output_dir=str(place / "out"),
        per_device_train_batch_size=256,
        num_generations=16,
        max_completion_length=4,
        max_steps=steps,
        learning_rate=3e-4,
        beta=0.0,
        bf16=False,
        use_cpu=True,
        report_to=[],
        logging_steps=10,
        save_strategy="no",
        disable_tqdm=True,
        seed=7,
        use_vllm=vllm,
        vllm_max_model_length=128,
        vllm_gpu_memory_utilization=0.1,
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        rollout_func=Rollouts(environment, parallel=256),
        args=config,
        train_dataset=Dataset.from_list(prompts(rows("train"))),
        processing_class=tokenizer,
    )
    if vllm:
        reload_instead(trainer, place / "weights")
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    log = [entry for entry in trainer.state.log_history if "reward" in entry]
    after = accuracy(trainer.model.eval(), tokenizer)
    rewards = [round(entry["reward"], 3) for entry in log]
    return {"before": before, "after": after, "rewards": rewards, "seconds_per_step": round(seconds / steps, 2)}


def reload_instead(trainer: Any, place: pathlib.Path) -> None:
    """TRL writes into vLLM's parameters, which vLLM has packed away on a CPU: there vLLM reads a checkpoint again."""
    sampler = trainer.vllm_generation

    def sync_weights() -> None:
        trainer.model.save_pretrained(place)
        sampler.llm.collective_rpc("reload_weights", kwargs={"weights_path": str(place)})
        sampler.llm.reset_prefix_cache()

    sampler.sync_weights = sync_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--warm-steps", type=int, default=260)
    parser.add_argument("--vllm", action="store_true", help="sample by the vLLM of this environment")
    options = parser.parse_args()
    print(json.dumps(learn(options.binary, options.steps, options.warm_steps, options.vllm)))


if __name__ == "__main__":
    main()
