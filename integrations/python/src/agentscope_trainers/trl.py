"""TRL: a ``rollout_func`` for ``GRPOTrainer``, checked with TRL 1.16.

    rollouts = Rollouts(Worker("http://127.0.0.1:8300/rollout"))
    trainer = GRPOTrainer(
        model="…", reward_funcs=reward, rollout_func=rollouts, train_dataset=Dataset.from_list(prompts(rows)), args=…
    )

TRL gives a ``rollout_func`` nothing of a row but its prompt, so the prompt *is* the task, as JSON: the workflow makes its own
prompts from it. Each rollout becomes one row; ``env_mask`` keeps what tools and users wrote out of the loss.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

from .batching import Desk, Sampled
from .capture import Answer, Capture, Conversation
from .chat import Asked, Chat
from .tokens import Row, Turn, best_row
from .worker import Rollout, Worker


def prompts(tasks: Iterable[Any]) -> list[dict[str, str]]:
    """Rows for the trainer's dataset: each task as JSON in column ``prompt``."""
    return [{"prompt": json.dumps(task)} for task in tasks]


def reward(
    completions: list[Any],
    rollout_reward: list[float | None],
    rollout_metrics: list[dict[str, float]],
    log_metric: Callable[[str, float], None] | None = None,
    **_: Any,
) -> list[float | None]:
    """The worker's reward of each rollout, for ``reward_funcs``; ``None``, which TRL leaves out, where there is none."""
    if log_metric is not None:
        names = {name for metrics in rollout_metrics for name in metrics}
        for name in sorted(names):
            values = [metrics[name] for metrics in rollout_metrics if name in metrics]
            log_metric(f"rollout/{name}", sum(values) / len(values))
    return rollout_reward


class Rollouts:
    """A ``rollout_func``.

    Temperature and its like are those of ``GRPOConfig``, whatever a workflow asks for: the loss assumes them.

    Args:
        worker: where the workflow and the judge run.
        parallel: most rollouts under way at once; a worker's ``run.concurrency`` is 64 unless set.
        failed_reward: reward of a rollout whose agent failed. Where endpoint or judge failed, there is none.
        linger: seconds without a new call after which a batch is sampled although some rollouts do not wait.
    """

    def __init__(
        self, worker: Worker, *, parallel: int = 64, failed_reward: float = 0.0, linger: float = 0.2
    ) -> None:
        self.worker = worker
        self.parallel = parallel
        self.failed_reward = failed_reward
        self.linger = linger

    def __call__(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        """One rollout of each prompt; TRL has repeated those of a group already."""
        tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)
        eos_ids = getattr(trainer, "eos_token_ids", None)
        chat = Chat(tokenizer, max_tokens=trainer.max_completion_length, eos_ids=eos_ids)
        desk = Desk(self.linger)

        def policy(body: dict[str, Any], conversation: Conversation) -> Answer:
            asked = chat.asked(body, conversation)
            return chat.answer(asked, *desk.ask(asked))

        with Capture(policy) as endpoint, ThreadPoolExecutor(self.parallel) as pool:
            seen: Counter[str] = Counter()
            started: list[Future[tuple[Rollout, list[Turn]]]] = []
            for prompt in prompts:
                started.append(pool.submit(self._one, endpoint, json.loads(prompt), seen[prompt]))
                seen[prompt] += 1
            desk.watch(started)
            try:
                _serve(desk, trainer, tokenizer)
            except BaseException as error:
                desk.close(error)
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return self._columns([rollout.result() for rollout in started], tokenizer)

    def _one(self, endpoint: Capture, task: Any, attempt: int) -> tuple[Rollout, list[Turn]]:
        with endpoint.conversation() as conversation:
            done = self.worker.rollout(task, base_url=endpoint.base_url, key=conversation.key, attempt=attempt)
            return done, conversation.turns

    def _columns(self, done: list[tuple[Rollout, list[Turn]]], tokenizer: Any) -> dict[str, Any]:
        chosen: list[Row] = []
        rewards, metrics = [], []
        for rollout, turns in done:
            row, left_out = best_row(turns)
            # TRL needs a token in every row; this one teaches nothing.
            chosen.append(row or Row([tokenizer.eos_token_id], [tokenizer.eos_token_id], [0.0], [0]))
            rewards.append(rollout.reward_or(self.failed_reward))
            own = {"turns": float(len(turns)), "tokens_left_out": float(left_out)}
            own |= {f"status/{rollout.status}": 1.0}
            metrics.append({**rollout.metrics, **own})
        return {
            "prompt_ids": [row.prompt_ids for row in chosen],
            "completion_ids": [row.completion_ids for row in chosen],
            "logprobs": [row.logprobs for row in chosen],
            "env_mask": [row.mask for row in chosen],
            "rollout_reward": rewards,
            "rollout_metrics": metrics,
        }


def _serve(desk: Desk, trainer: Any, tokenizer: Any) -> None:
    """Samples batch after batch until every rollout of every process has ended."""
    while True:
        calls = desk.batch()
        asked = [call.asked for call in calls]
        most = _largest(trainer, len(asked))
        if most == 0:
            return
        # Sampling is a collective operation: each process has to take part, with equally many prompts.
        asked += [Asked([tokenizer.eos_token_id], 1)] * (most - len(asked))
        try:
            sampled = _sample(trainer, asked, tokenizer)
        except BaseException as error:
            for call in calls:
                call.sampled.set_exception(RuntimeError(f"sampling failed: {error}"))
            raise
        for call, tokens in zip(calls, sampled, strict=False):
            call.sampled.set_result(tokens)


def _largest(trainer: Any, size: int) -> int:
    if trainer.accelerator.num_processes == 1:
        return size
    import torch

    sizes = trainer.accelerator.gather(torch.tensor([size], device=trainer.accelerator.device))
    return int(sizes.max())


def _sample(trainer: Any, asked: list[Asked], tokenizer: Any) -> list[Sampled]:
    if trainer.use_vllm:
        prompt_ids = [one.prompt_ids for one in asked]
        _, ids, logprobs, _ = trainer.vllm_generation.generate(prompts=prompt_ids, images=None, num_generations=1)
        # Of each token only the first alternative is kept: the one that was sampled.
        return [(list(i), [_number(token[0]) for token in lp]) for i, lp in zip(ids, logprobs, strict=True)]
    return _sample_with_transformers(trainer, asked, tokenizer)


def _number(logprob: float | None) -> float:
    return float("nan") if logprob is None else float(logprob)


def _sample_with_transformers(trainer: Any, asked: list[Asked], tokenizer: Any) -> list[Sampled]:
    import torch
    from transformers import LogitsProcessorList
    from trl.models import unwrap_model_for_generation

    device = trainer.accelerator.device
    longest = max(len(one.prompt_ids) for one in asked)
    pad = tokenizer.pad_token_id
    padded = [[pad] * (longest - len(one.prompt_ids)) + one.prompt_ids for one in asked]
    seen = [[0] * (longest - len(one.prompt_ids)) + [1] * len(one.prompt_ids) for one in asked]
    settings = copy.deepcopy(trainer.generation_config)
    settings.max_new_tokens = max(one.max_tokens for one in asked)
    recorder = _recorder(settings.temperature or 1.0)
    shards = getattr(trainer, "_dist", None)
    whole = shards.summon_full_params(trainer.model_wrapped, recurse=False) if shards else nullcontext()
    gather = trainer.args.ds3_gather_for_generation
    with (
        unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator, gather_deepspeed3_params=gather) as model,
        torch.no_grad(),
        whole,
    ):
        out = model.generate(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=torch.tensor(seen, device=device),
            generation_config=settings,
            logits_processor=LogitsProcessorList([recorder]),
        )
    ids = out[:, longest:].tolist()
    # Rows that ended early are padded; `Chat.answer` cuts them at their end.
    return list(zip(ids, recorder.logprobs(out), strict=True))


def _recorder(temperature: float) -> Any:
    import torch
    from transformers import LogitsProcessor

    class Recorder(LogitsProcessor):
        """Keeps the log-probability of each sampled token, and no more than one step of the distribution."""

        def __init__(self) -> None:
            self.last: torch.Tensor | None = None
            self.kept: list[torch.Tensor] = []

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            self.keep(input_ids[:, -1])
            # Processors from outside run before the temperature is applied; the loss divides by it, and by no more.
            self.last = (scores.float() / temperature).log_softmax(-1)
            return scores

        def keep(self, sampled: torch.Tensor) -> None:
            if self.last is not None:
                self.kept.append(self.last.gather(1, sampled[:, None]).squeeze(1))

        def logprobs(self, out: torch.Tensor) -> list[list[float]]:
            self.keep(out[:, -1])
            return torch.stack(self.kept, 1).tolist()

    return Recorder()
