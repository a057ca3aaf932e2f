"""The time of a GRPO step, here and in TRL, on this machine, one after the other in one run.

Same model (this example's 0.2 million parameters), same rows, 16 prompts x 16 samples of at most 4 tokens, one optimiser
step, full parameters in f32, on all cores. TRL samples with transformers' `generate`, as it does without vLLM.

    pip install torch trl transformers datasets
    cargo build --release -p addition
    python examples/addition/compare/trl_step.py target/release/addition
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent


def ours(binary: str, steps: int) -> list[float]:
    """Seconds of each step, rollouts and training together."""
    with tempfile.TemporaryDirectory() as runs:
        settings = {
            "run.directory": runs,
            "strategy.weights.steps": steps,
            "strategy.weights.eval-interval": 10 * steps,
            "strategy.weights.save-interval": 10 * steps,
            # Half of the answers are right then, so that nearly every group has something to teach: equal groups cost us nothing.
            "strategy.weights.warm-start.steps": 340,
            "strategy.weights.algorithm": "grpo",
            "dataset.eval.limit": 8,
        }
        command = [str(pathlib.Path(binary).resolve()), "weights"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        subprocess.run(command, cwd=EXAMPLE, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (metrics,) = pathlib.Path(runs).glob("2*/metrics.jsonl")
        rows = [json.loads(line) for line in metrics.read_text().splitlines()]
        return [row["time/rollout"] + row["time/train"] for row in rows if "time/rollout" in row]


def trl(steps: int) -> list[float]:
    """Seconds between the ends of steps."""
    import datasets
    import torch
    import transformers
    from trl import GRPOConfig, GRPOTrainer

    ends: list[float] = []

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            ends.append(time.perf_counter())

    def exact(completions, answer, **kwargs):
        texts = [completion[-1]["content"] for completion in completions]
        return [float(text == expected) for text, expected in zip(texts, answer)]

    rows = [json.loads(line) for line in (EXAMPLE / "data/train.jsonl").read_text().splitlines()]
    prompts = [{"prompt": [{"role": "user", "content": row["question"]}], "answer": row["answer"]} for row in rows]
    with tempfile.TemporaryDirectory() as output:
        config = GRPOConfig(
            output_dir=output,
            per_device_train_batch_size=256,
            num_generations=16,
            max_completion_length=4,
            max_steps=steps,
            learning_rate=3e-4,
            beta=0.0,
            loss_type="grpo",
            bf16=False,
            use_cpu=True,
            report_to=[],
            logging_steps=10 * steps,
            save_strategy="no",
            disable_tqdm=True,
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(EXAMPLE / "model", padding_side="left")
        model = transformers.AutoModelForCausalLM.from_pretrained(EXAMPLE / "model", dtype=torch.float32)
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=exact,
            args=config,
            train_dataset=datasets.Dataset.from_list(prompts),
            processing_class=tokenizer,
            callbacks=[Clock()],
        )
        trainer.train()
    return [after - before for before, after in zip(ends, ends[1:])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    times = {"agentscope-tuner": ours(options.binary, options.steps), "TRL": trl(options.steps)}
    for name, seconds in times.items():
        seconds = seconds[len(seconds) // 4 :]
        print(f"{name}: median {1000 * statistics.median(seconds):.0f} ms a step, least {1000 * min(seconds):.0f} ms")
    ratio = statistics.median(times["TRL"]) / statistics.median(times["agentscope-tuner"])
    print(f"TRL takes {ratio:.1f} times as long", file=sys.stdout)


if __name__ == "__main__":
    main()
