"""The log-probabilities that are recorded are those of the distribution that TRL's loss assumes."""

import pathlib
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from agentscope_trainers.chat import Asked

MODEL = pathlib.Path(__file__).resolve().parents[3] / "examples" / "addition" / "model"


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_they_are_those_of_a_forward_pass(temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    models = pytest.importorskip("trl.models")
    from agentscope_trainers import trl

    @contextmanager
    def unwrapped(model: Any, *_: Any, **__: Any) -> Any:
        yield model

    monkeypatch.setattr(models, "unwrap_model_for_generation", unwrapped)
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL, padding_side="left")
    model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    settings = transformers.GenerationConfig(
        do_sample=True, temperature=temperature, top_k=0, top_p=1.0, eos_token_id=2, pad_token_id=0
    )
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(device="cpu"),
        model_wrapped=model,
        args=SimpleNamespace(ds3_gather_for_generation=True),
        generation_config=settings,
    )
    # Of different lengths, so that one is padded.
    asked = [Asked([1, 28, 6, 7, 15, 6, 8, 16, 2, 1, 17], 4), Asked([1, 28, 6, 16, 2, 1, 17], 4)]
    for one, (ids, logprobs) in zip(asked, trl._sample_with_transformers(trainer, asked, tokenizer), strict=True):
        length = ids.index(2) + 1 if 2 in ids else len(ids)
        logits = model(torch.tensor([one.prompt_ids + ids[:length]])).logits[0] / temperature
        expected = logits.log_softmax(-1)[len(one.prompt_ids) - 1 : -1].gather(1, torch.tensor(ids[:length])[:, None])
        assert torch.allclose(expected[:, 0], torch.tensor(logprobs[:length]), atol=1e-4)
