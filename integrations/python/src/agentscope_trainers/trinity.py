"""Trinity-RFT: a workflow, checked against the interfaces of trinity-rft 0.6.0.

    explorer:
      rollout_model:
        enable_openai_api: true
    buffer:
      explorer_input:
        taskset:
          default_workflow_type: agentscope_trainers.trinity.WorkerWorkflow
          workflow_args:
            worker_url: http://127.0.0.1:8300/rollout

The row is the task. Trinity's own endpoint samples, and says which token ids it saw and chose.
"""

from __future__ import annotations

import asyncio
from typing import Any

from openai import APIStatusError
from trinity.common.experience import Experience
from trinity.common.workflows.workflow import Workflow

from .capture import Answer, Capture, Conversation, EndpointError
from .tokens import Row, Turn, rows
from .worker import Worker

PASSED = ("messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "stop", "max_tokens")


class WorkerWorkflow(Workflow):
    """One rollout of a worker. Turns that do not continue each other become experiences of their own."""

    is_async = True

    def __init__(self, *, task: Any, model: Any, auxiliary_models: list[Any] | None = None) -> None:
        super().__init__(task=task, model=model, auxiliary_models=auxiliary_models)
        given = task.workflow_args or {}
        if "worker_url" not in given:
            raise ValueError("workflow_args has no worker_url: give it the address that the worker prints")
        self.worker = Worker(given["worker_url"], token_env=given.get("worker_token_env", "WORKER_TOKEN"))
        self.failed_reward = float(given.get("failed_reward", 0.0))

    async def run_async(self) -> list[Experience]:
        """Runs the task once; in a thread, so that a runner's other runs of it go on.

        Raises:
            RuntimeError: when endpoint or judge failed, so that Trinity tries again, or the policy was never asked.
        """
        return await asyncio.to_thread(self.run)

    def run(self) -> list[Experience]:
        """The same, to its end."""
        client = self.model.get_openai_client()

        def policy(body: dict[str, Any], _: Conversation) -> Answer:
            return self._asked(client, body)

        with Capture(policy) as endpoint, endpoint.conversation() as conversation:
            done = self.worker.rollout(self.task.raw_task, base_url=endpoint.base_url, key=conversation.key)
            turns = conversation.turns
        if getattr(self.model, "enable_history", False):
            # Trinity kept the same calls; those below are joined.
            self.model.extract_experience_from_history(clear_history=True)
        reward = done.reward_or(self.failed_reward)
        if reward is None:
            raise RuntimeError(f"the rollout ended as {done.status}: {done.error}")
        if not turns:
            raise RuntimeError(f"the agent never asked the policy, so there is nothing to learn from: {done.error or done.status}")
        metrics = {name: float(value) for name, value in done.metrics.items()}
        return [self._experience(row, step, reward, metrics) for step, row in enumerate(rows(turns))]

    def _asked(self, client: Any, body: dict[str, Any]) -> Answer:
        settings = self.task.rollout_args
        asked = {name: body[name] for name in PASSED if body.get(name) is not None}
        # Without a limit of anybody, the server takes what its context has left.
        most = body.get("max_completion_tokens") or settings.max_tokens or self.model.config.max_response_tokens
        if most is not None:
            asked.setdefault("max_tokens", most)
        for name in ("temperature", "top_p"):
            value = getattr(settings, name, None)
            if value is not None:
                asked[name] = value
        try:
            answer = client.chat.completions.create(
                model=client.model_path, logprobs=True, extra_body={"return_token_ids": True}, **asked
            )
        except APIStatusError as error:
            # What the server refuses is refused, and not tried again as a failure would be.
            raise EndpointError(error.status_code, str(error)) from error
        return read_answer(answer.model_dump())

    def _experience(self, row: Row, step: int, reward: float, metrics: dict[str, float]) -> Experience:
        import torch

        experience = Experience(
            tokens=torch.tensor(row.prompt_ids + row.completion_ids, dtype=torch.int32),
            prompt_length=len(row.prompt_ids),
            logprobs=torch.tensor(row.logprobs, dtype=torch.float32),
            action_mask=torch.tensor(row.mask, dtype=torch.bool),
            reward=reward,
            metrics=metrics,
        )
        experience.eid.run = self.run_id_base
        experience.eid.step = step
        return experience


def read_answer(answer: dict[str, Any]) -> Answer:
    """A chat completion of vLLM with ``return_token_ids``.

    Raises:
        EndpointError: when it holds no token ids.
    """
    (choice,) = answer["choices"]
    prompt_ids, ids = answer.get("prompt_token_ids"), choice.get("token_ids")
    if prompt_ids is None or ids is None:
        raise EndpointError(502, "the rollout model returned no token ids: Trinity needs vLLM with return_token_ids")
    said = (choice.get("logprobs") or {}).get("content") or []
    logprobs = [float(token["logprob"]) for token in said]
    if len(logprobs) != len(ids):
        raise EndpointError(502, f"{len(ids)} token ids came with {len(logprobs)} log-probabilities")
    message = {name: value for name, value in choice["message"].items() if value is not None}
    return Answer(message, choice.get("finish_reason") or "stop", Turn(list(prompt_ids), list(ids), logprobs))
