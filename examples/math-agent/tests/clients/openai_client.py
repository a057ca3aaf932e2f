"""The official `openai` package against `math-agent serve`: run by `tests/serve.rs`, which gives base URL and key.

    pip install openai pydantic
"""

import json
import sys

import openai
from pydantic import BaseModel


class Guess(BaseModel):
    sure: bool


ASK = [{"role": "user", "content": "2 + 3?"}]
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"enum": [1, 2]}},
            "required": ["a"],
            "additionalProperties": False,
        },
    },
}


def main() -> None:
    base_url, key = sys.argv[1:]
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    model = client.models.list().data[0].id
    assert client.models.retrieve(model).owned_by == "agentscope-tuner"
    create = client.chat.completions.create
    whole = create(
        model=model, messages=ASK, max_tokens=12, seed=5, logprobs=True, top_logprobs=2, extra_body={"return_token_ids": True}
    )
    choice = whole.choices[0]
    assert whole.usage.completion_tokens == len(choice.token_ids) == len(choice.logprobs.content) <= 12
    assert whole.usage.prompt_tokens == len(whole.prompt_token_ids)
    assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in choice.logprobs.content)

    said, last, ids = "", None, []
    chunks = create(
        model=model,
        messages=ASK,
        max_tokens=12,
        seed=5,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"return_token_ids": True},
    )
    for chunk in chunks:
        last = chunk
        for part in chunk.choices:
            said += part.delta.content or ""
            ids += getattr(part, "token_ids", None) or []
    assert said == choice.message.content, (said, choice.message.content)
    assert ids == choice.token_ids and last.usage == whole.usage

    called = create(model=model, messages=ASK, max_tokens=200, tools=[ADD], tool_choice="required").choices[0]
    call = called.message.tool_calls[0]
    assert called.finish_reason == "tool_calls" and call.function.name == "add"
    assert json.loads(call.function.arguments)["a"] in (1, 2)
    again = ASK + [called.message, {"role": "tool", "tool_call_id": call.id, "content": "5"}]
    assert create(model=model, messages=again, max_tokens=4, tools=[ADD]).usage.prompt_tokens > whole.usage.prompt_tokens

    parsed = client.chat.completions.parse(model=model, messages=ASK, max_tokens=60, response_format=Guess)
    assert isinstance(parsed.choices[0].message.parsed, Guess)

    for wrong, error in [({"temperature": -1}, openai.BadRequestError), ({"model": "gpt"}, openai.NotFoundError)]:
        try:
            create(**{"model": model, "messages": ASK, **wrong})
        except error as refusal:
            assert refusal.body["message"], refusal
        else:
            raise AssertionError(f"{wrong} was taken")
    try:
        openai.OpenAI(base_url=base_url, api_key="wrong", max_retries=0).models.list()
    except openai.AuthenticationError:
        print("ok")


main()
