"""The rollout function against a trainer of TRL's shape; sampling itself is faked, the rest is real."""

from types import SimpleNamespace
from typing import Any

import pytest
from fakes import EOS, Letters, worker

from agentscope_trainers import trl


def trainer(say: Any) -> Any:
    """What ``Rollouts`` uses of a ``GRPOTrainer`` with ``use_vllm``."""

    def generate(prompts: list[list[int]], images: None, num_generations: int) -> Any:
        assert num_generations == 1
        ids = [say(Letters().decode(prompt)) for prompt in prompts]
        return prompts, ids, [[[-0.5]] * len(one) for one in ids], None

    return SimpleNamespace(
        processing_class=Letters(),
        eos_token_ids=[EOS],
        max_completion_length=8,
        use_vllm=True,
        vllm_generation=SimpleNamespace(generate=generate),
        accelerator=SimpleNamespace(num_processes=1),
    )


def agent(task: Any, ask: Any) -> dict[str, Any]:
    """Asks twice, the second time with the first answer."""
    if task["question"] == "down":
        return {"status": "infrastructure-failed", "reward": None}
    messages = [{"role": "user", "content": task["question"]}]
    for _ in range(2):
        said = ask(messages=messages)["choices"][0]["message"]
        messages += [said, {"role": "user", "content": "sure?"}]
    if task["question"] == "fail":
        return {"status": "task-failed", "reward": None, "error": "boom"}
    return {"reward": float(said["content"] == task["answer"]), "metrics": {"length": 2.0}}


def columns(tasks: list[dict[str, str]]) -> dict[str, Any]:
    with worker(agent) as environment:
        prompts = [row["prompt"] for row in trl.prompts(tasks)]
        say = trainer(lambda prompt: Letters().encode("4") + [EOS])
        return trl.Rollouts(environment, linger=0.01)(prompts, say)


def test_rows_come_in_the_order_of_the_prompts_with_their_rewards() -> None:
    tasks = [{"question": "2+2", "answer": "4"}, {"question": "2+3", "answer": "5"}] * 20
    out = columns(tasks)
    assert out["rollout_reward"] == [1.0, 0.0] * 20
    for task, prompt, ids, logprobs, mask in zip(
        tasks, *(out[name] for name in ("prompt_ids", "completion_ids", "logprobs", "env_mask")), strict=True
    ):
        assert Letters().decode(prompt) == f"\x02u{task['question']}\x00\n\x02a"
        assert len(ids) == len(logprobs) == len(mask)
        assert [i for i, m in zip(ids, mask, strict=True) if m] == Letters().encode("4\x004\x00")
        assert [lp for lp, m in zip(logprobs, mask, strict=True) if m] == [-0.5] * 4
        assert ids[-1] == EOS


def test_an_agent_that_fails_gets_a_reward_and_an_endpoint_that_fails_gets_none() -> None:
    out = columns([{"question": "fail", "answer": ""}, {"question": "down", "answer": ""}])
    assert out["rollout_reward"] == [0.0, None]
    # TRL needs a token in each row; nobody is trained on this one.
    assert (out["completion_ids"][1], out["env_mask"][1]) == ([EOS], [0])


def test_metrics_are_means_over_the_rollouts_that_have_them() -> None:
    logged: dict[str, float] = {}
    given = [{"turns": 1.0, "a": 3.0}, {"turns": 3.0}]
    assert trl.reward([], [1.0, None], given, log_metric=logged.__setitem__, prompts=[]) == [1.0, None]
    assert logged == {"rollout/turns": 2.0, "rollout/a": 3.0}


def test_a_sampler_that_fails_ends_the_step() -> None:
    def broken(prompt: str) -> list[int]:
        raise MemoryError("no room")

    with worker(lambda task, ask: {"reward": ask(messages=[{"role": "user", "content": "?"}])}) as environment:
        with pytest.raises(MemoryError):
            trl.Rollouts(environment, linger=0.01)(['{"question": "?"}'], trainer(broken))
