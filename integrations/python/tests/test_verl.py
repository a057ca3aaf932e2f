"""A batch through verl's own ``AgentLoopWorker``: its configuration, tokenizer, padding and advantages; skipped without verl.

What samples is a model of ``examples/addition`` in transformers, in the place of verl's servers, which need a GPU.
"""

import asyncio
import math
import pathlib
from typing import Any

import pytest
from fakes import worker

hydra = pytest.importorskip("hydra")
verl = pytest.importorskip("verl")
np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

MODEL = pathlib.Path(__file__).resolve().parents[3] / "examples" / "addition" / "model"
PROMPT, RESPONSE = 48, 40
LOOP = """
- name: agentscope_tuner
  _target_: agentscope_trainers.verl.WorkerAgentLoop
  worker_url: {url}
"""


tried: list[Any] = []
"""Rollouts that an endpoint has failed."""


def agent(task: Any, ask: Any) -> dict[str, Any]:
    """Asks twice, the second time with the first answer; or fails as the task says."""
    if "fails" in task:
        task["fails"] and ask(messages=[{"role": "user", "content": task["question"]}])
        return {"status": "task-failed", "error": "it gave up"}
    if task.get("broken", 0) > len(tried):
        tried.append(task)
        return {"status": "infrastructure-failed", "error": "no connection"}
    messages = [{"role": "user", "content": task["question"]}]
    for _ in range(2):
        said = ask(messages=messages, max_tokens=8)["choices"][0]["message"]
        messages += [said, {"role": "user", "content": "4+4="}]
    return {"reward": float(len(said["content"])), "metrics": {"length": float(len(said["content"]))}}


class Sampler:
    """Draws from the model, one token after another; in the place of verl's ``LLMServerClient``."""

    def __init__(self) -> None:
        self.model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)

    @torch.no_grad()
    async def generate(self, request_id: str, *, prompt_ids: list[int], sampling_params: dict[str, Any]) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        ids: list[int] = []
        for _ in range(sampling_params["max_tokens"]):
            ids.append(int(torch.multinomial(self.logprobs(prompt_ids + ids)[-1].exp(), 1)))
            if ids[-1] == self.model.generation_config.eos_token_id:
                break
        whole = self.logprobs(prompt_ids + ids)[len(prompt_ids) - 1 : -1]
        return TokenOutput(token_ids=ids, log_probs=whole.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist())

    @torch.no_grad()
    def logprobs(self, ids: list[int]) -> Any:
        return self.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)


@pytest.fixture
def loops(tmp_path: pathlib.Path) -> Any:
    """Workers of verl over agents of ``agent``."""
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker

    sampler = Sampler()
    with worker(agent) as environment:
        (tmp_path / "agent.yaml").write_text(LOOP.format(url=environment.url))
        directory = str(pathlib.Path(verl.__file__).parent / "trainer" / "config")
        with hydra.initialize_config_dir(config_dir=directory, version_base=None):
            config = hydra.compose(
                "ppo_trainer",
                overrides=[
                    f"actor_rollout_ref.model.path={MODEL}",
                    "actor_rollout_ref.rollout.name=vllm",
                    f"data.max_prompt_length={PROMPT}",
                    f"data.max_response_length={RESPONSE}",
                    "actor_rollout_ref.rollout.calculate_log_probs=True",
                    f"actor_rollout_ref.rollout.agent.agent_loop_config_path={tmp_path / 'agent.yaml'}",
                    "actor_rollout_ref.rollout.agent.default_agent_loop=agentscope_tuner",
                ],
            )
        yield [AgentLoopWorker(config, llm_client=sampler) for _ in range(2)], sampler


def batch(tasks: list[dict[str, Any]]) -> Any:
    """Rows as verl's dataset gives them."""
    from verl.protocol import DataProto

    def column(values: list[Any]) -> Any:
        filled = np.empty(len(values), dtype=object)
        filled[:] = values
        return filled

    rows = {"raw_prompt": [[] for _ in tasks], "extra_info": [{"task": task} for task in tasks]}
    return DataProto.from_dict(
        tensors={"dummy": torch.zeros(len(tasks), 1)},
        non_tensors={**{name: column(values) for name, values in rows.items()}, "index": np.array([task["row"] for task in tasks])},
    )


def test_a_batch_goes_through_verl_as_it_was_sampled(loops: Any) -> None:
    from verl.protocol import DataProto
    from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage

    workers, sampler = loops
    sums = [{"row": row, "question": f"1{row}+2{row}="} for row in (0, 0, 1, 1)]
    failed = [{"row": 2, "question": "1+1=", "fails": False}, {"row": 2, "question": "1+1=", "fails": True}]
    # The trainer joins what its workers made: here one has only failed rollouts, and no metrics.
    done = [asyncio.run(one.generate_sequences(batch(tasks))) for one, tasks in zip(workers, (failed, sums), strict=True)]
    out = DataProto.concat(done)

    responses, mask, said = (out.batch[name] for name in ("responses", "response_mask", "rollout_log_probs"))
    assert responses.shape == mask.shape == said.shape == (6, RESPONSE)
    # What was sampled has the log-probabilities that the model gives it in its place; the rest is not trained.
    for row, (ids, seen) in enumerate(zip(out.batch["input_ids"], out.batch["attention_mask"], strict=True)):
        scored = sampler.logprobs(ids[seen.bool()].tolist())
        prompt = int(seen[:PROMPT].sum())
        for at in range(int(seen[PROMPT:].sum())):
            if mask[row, at]:
                assert math.isclose(scored[prompt + at - 1, responses[row, at]], said[row, at], abs_tol=1e-4)
    assert mask[0].sum() == 0 and mask[1].sum() > 0
    rewards = out.batch["rm_scores"]
    lengths = [float(metrics.get("length", 0.0)) for metrics in out.non_tensor_batch["rollout_metrics"]]
    assert rewards.sum(-1).tolist() == lengths and lengths[:2] == [0.0, 0.0]
    assert out.non_tensor_batch["failed"].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    advantages, _ = compute_grpo_outcome_advantage(rewards, mask.float(), np.array([2, 2, 0, 0, 1, 1]))
    assert advantages.shape == mask.shape and bool(torch.isfinite(advantages).all())


def test_a_rollout_that_an_endpoint_fails_is_run_again(loops: Any) -> None:
    (one, _), _ = loops
    tried.clear()
    out = asyncio.run(one.generate_sequences(batch([{"row": 0, "question": "1+1=", "broken": 2}])))
    assert len(tried) == 2 and out.non_tensor_batch["failed"].tolist() == [0.0]
    tried.clear()
    with pytest.raises(RuntimeError, match="3 attempts ended as infrastructure-failed: no connection"):
        asyncio.run(one.generate_sequences(batch([{"row": 0, "question": "1+1=", "broken": 9}])))
