"""The adapters of verl and Trinity-RFT on the installed packages' own base classes; skipped where they are not installed.

What samples is faked: their servers need a GPU. Base classes, results and their checks are the packages' own.
"""

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import EOS, Letters, worker


def agent(task: Any, ask: Any) -> dict[str, Any]:
    """Asks twice, the second time with the first answer."""
    messages = [{"role": "user", "content": task["question"]}]
    for _ in range(2):
        said = ask(messages=messages)["choices"][0]["message"]
        messages += [said, {"role": "user", "content": "sure?"}]
    return {"reward": float(said["content"] == task["answer"]), "metrics": {"length": 2.0}}


TASK = {"question": "2+2", "answer": "4"}


def test_trl_calls_a_rollout_function_as_it_is_written() -> None:
    trl = pytest.importorskip("trl")
    from agentscope_trainers.trl import Rollouts

    assert "rollout_func" in inspect.signature(trl.GRPOTrainer.__init__).parameters
    assert list(inspect.signature(Rollouts.__call__).parameters) == ["self", "prompts", "trainer"]


def test_verl_takes_the_loops_output() -> None:
    loops = pytest.importorskip("verl.experimental.agent_loop.agent_loop")
    from agentscope_trainers.verl import WorkerAgentLoop

    class Server:
        async def generate(self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any]) -> Any:
            assert sampling_params["temperature"] == 1.0 and sampling_params["max_tokens"] == 32
            ids = Letters().encode("4") + [EOS]
            return SimpleNamespace(token_ids=ids, log_probs=[-0.5] * len(ids))

    assert issubclass(WorkerAgentLoop, loops.AgentLoopBase) and inspect.iscoroutinefunction(WorkerAgentLoop.run)
    with worker(agent) as environment:
        # The base class's constructor wants verl's whole configuration; what it sets is set here.
        loop = WorkerAgentLoop.__new__(WorkerAgentLoop)
        loop.worker, loop.failed_reward, loop.attempts = environment, 0.0, 1
        loop.prompt_length, loop.response_length = 64, 32
        loop.tokenizer, loop.server_manager = Letters(), Server()
        settings = {"temperature": 1.0, "top_p": 1.0, "logprobs": True}
        out = asyncio.run(loop.run(settings, extra_info={"task": TASK}, raw_prompt=[]))
    assert isinstance(out, loops.AgentLoopOutput)
    assert (out.reward_score, out.num_turns) == (1.0, 4)
    assert len(out.response_ids) == len(out.response_mask) == len(out.response_logprobs)
    assert sum(out.response_mask) == 4


def test_verls_constructor_has_the_parameters_that_are_passed_on() -> None:
    loops = pytest.importorskip("verl.experimental.agent_loop.agent_loop")
    given = inspect.signature(loops.AgentLoopBase.__init__).parameters
    assert {"trainer_config", "server_manager", "tokenizer", "processor"} <= set(given)
    server = inspect.signature(loops.LLMServerClient.generate).parameters
    assert {"request_id", "prompt_ids", "sampling_params"} <= set(server)


def test_trinity_takes_the_workflows_experiences() -> None:
    workflows = pytest.importorskip("trinity.common.workflows.workflow")
    from trinity.common.experience import Experience

    from agentscope_trainers.trinity import WorkerWorkflow

    letters = Letters()

    def create(*, model: str, messages: list[Any], logprobs: bool, extra_body: dict[str, Any], **settings: Any) -> Any:
        assert model == "policy" and logprobs and extra_body == {"return_token_ids": True}
        assert settings["max_tokens"] == 48
        # As vLLM renders a history that holds what it said itself.
        prompt = letters.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = letters.encode("4") + [EOS]
        said = {"content": [{"token": "4", "logprob": -0.5}, {"token": "", "logprob": -0.1}]}
        choice = {"message": {"role": "assistant", "content": "4"}, "finish_reason": "stop", "token_ids": ids, "logprobs": said}
        answer = {"prompt_token_ids": letters.encode(prompt), "choices": [choice]}
        return SimpleNamespace(model_dump=lambda: answer)

    client = SimpleNamespace(model_path="policy", chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    with worker(agent) as environment:
        task = workflows.Task(
            workflow=WorkerWorkflow, raw_task=TASK, workflow_args={"worker_url": environment.url, "failed_reward": -1.0}
        )
        limit = SimpleNamespace(max_response_tokens=48)
        model = SimpleNamespace(get_openai_client=lambda: client, enable_history=False, config=limit)
        (experience,) = task.to_workflow(model).run()
    assert isinstance(experience, Experience) and issubclass(WorkerWorkflow, workflows.Workflow)
    assert (experience.reward, experience.metrics) == (1.0, {"length": 2.0})
    assert experience.prompt_length == len("\x02u2+2\x00\n\x02a")
    length = len(experience.tokens) - experience.prompt_length
    assert len(experience.logprobs) == len(experience.action_mask) == length
    assert experience.action_mask.sum().item() == 4
    assert Experience.deserialize(experience.serialize()).tokens.tolist() == experience.tokens.tolist()
