"""verl: an agent loop, checked against the interfaces of verl 0.9.1.

Name it in ``actor_rollout_ref.rollout.agent.agent_loop_config_path`` with a file like this, and choose it with
``actor_rollout_ref.rollout.agent.default_agent_loop=agentscope_tuner``:

    - name: agentscope_tuner
      _target_: agentscope_trainers.verl.WorkerAgentLoop
      worker_url: http://127.0.0.1:8300/rollout

Each row's ``extra_info.task`` is the task of the workflow. verl's own server samples token ids from token ids.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput

from .capture import Answer, Capture, Conversation
from .chat import Chat
from .tokens import Row, Turn, best_row
from .worker import Rollout, Worker


class WorkerAgentLoop(AgentLoopBase):
    """One rollout of a worker, as an agent loop.

    Args:
        worker_url: where the worker listens.
        worker_token_env: environment variable with its token.
        failed_reward: reward of a rollout whose agent failed.
        attempts: how often a rollout is run at most, where an endpoint or the judge failed: verl ends when one does.
    """

    def __init__(
        self,
        *args: Any,
        worker_url: str = "http://127.0.0.1:8300/rollout",
        worker_token_env: str = "WORKER_TOKEN",
        failed_reward: float = 0.0,
        attempts: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}, but must be 1 or more")
        self.attempts = attempts
        self.worker = Worker(worker_url, token_env=worker_token_env)
        self.failed_reward = failed_reward
        self.response_length = self.rollout_config.response_length
        self.prompt_length = self.rollout_config.prompt_length

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """Runs one task.

        Raises:
            KeyError: when the row has no ``extra_info.task``.
            RuntimeError: when endpoint or judge failed in every attempt.
        """
        task = task_of(kwargs)
        loop, request_id = asyncio.get_running_loop(), uuid4().hex
        chat = Chat(self.tokenizer, max_tokens=self.response_length)

        async def sample(prompt_ids: list[int], max_tokens: int) -> tuple[list[int], list[float] | None]:
            settings = {**sampling_params, "max_tokens": max_tokens}
            out = await self.server_manager.generate(
                request_id=request_id, prompt_ids=prompt_ids, sampling_params=settings
            )
            return list(out.token_ids), out.log_probs

        def policy(body: dict[str, Any], conversation: Conversation) -> Answer:
            asked = chat.asked(body, conversation)
            ids, logprobs = asyncio.run_coroutine_threadsafe(
                sample(asked.prompt_ids, asked.max_tokens), loop
            ).result()
            # verl computes log-probabilities itself where its server gives none.
            return chat.answer(asked, ids, [0.0] * len(ids) if logprobs is None else list(logprobs))

        def rollout(attempt: int) -> tuple[Rollout, list[Turn]]:
            with Capture(policy) as endpoint, endpoint.conversation() as conversation:
                done = self.worker.rollout(task, base_url=endpoint.base_url, key=conversation.key, attempt=attempt)
                return done, conversation.turns

        with ThreadPoolExecutor(1) as pool:
            for attempt in range(self.attempts):
                done, turns = await loop.run_in_executor(pool, rollout, attempt)
                if done.reward_or(self.failed_reward) is not None:
                    return self._output(done, turns, bool(sampling_params.get("logprobs")))
        raise RuntimeError(f"{self.attempts} attempts ended as {done.status}: {done.error}")

    def _output(self, done: Rollout, turns: list[Turn], logprobs: bool) -> AgentLoopOutput:
        row, left_out = best_row(turns)
        # verl needs a token in every row; where the policy was never asked, this one teaches nothing.
        eos = self.tokenizer.eos_token_id
        row = Row([eos], [eos], [0.0], [0]) if row is None else self._fitting(row)
        # verl joins rows by the names of the first one, so all have the same: metrics differ from rollout to rollout.
        always = {"failed": float(done.status != "scored"), "tokens_left_out": float(left_out)}
        extra = {"turn_scores": [], "tool_rewards": [], "reward_extra_info": always, "rollout_metrics": dict(done.metrics)}
        return AgentLoopOutput(
            prompt_ids=row.prompt_ids,
            response_ids=row.completion_ids,
            response_mask=row.mask,
            response_logprobs=row.logprobs if logprobs else None,
            reward_score=done.reward_or(self.failed_reward),
            num_turns=2 * len(turns),
            metrics={},
            extra_fields=extra,
        )

    def _fitting(self, row: Row) -> Row:
        if len(row.prompt_ids) > self.prompt_length:
            raise RuntimeError(
                f"a prompt of {len(row.prompt_ids)} tokens is longer than data.max_prompt_length ({self.prompt_length})"
            )
        return row.cut(self.response_length)


def task_of(row: dict[str, Any]) -> Any:
    """The task in a row of verl's dataset: ``extra_info.task``, an object, or JSON in a string."""
    extra = row.get("extra_info") or {}
    if "task" not in extra:
        raise KeyError("the row has no extra_info.task: write the workflow's task there when making the dataset")
    task = extra["task"]
    return json.loads(task) if isinstance(task, str) else task
