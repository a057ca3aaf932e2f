"""An agent on the official `anthropic` package, which knows nothing of who runs it: `tests/foreign/programs.rs` does.

    pip install anthropic
"""

import asyncio
import json
import os
import sys

from anthropic import AsyncAnthropic

ADD = {
    "name": "add",
    "description": "Adds.",
    "input_schema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}


async def main() -> None:
    task = json.load(sys.stdin)
    client = AsyncAnthropic()  # address and key from the environment
    model = os.environ["ANTHROPIC_MODEL"]

    def ask(messages: list, **more):
        return client.messages.create(model=model, max_tokens=64, messages=messages, **more)

    async with client.messages.stream(model=model, max_tokens=64, messages=[user(task["question"])]) as stream:
        streamed = "".join([text async for text in stream.text_stream])

    asked = [ask([user(f"{task['question']} ({number})")]) for number in range(3)]
    for answer in await asyncio.gather(*asked):
        assert answer.content[0].text == streamed

    messages = [user(task["question"])]
    said = await ask(messages, system=os.environ["SYSTEM"], tools=[ADD])
    assert said.stop_reason == "tool_use"
    call = said.content[0]
    result = str(call.input["a"] + call.input["b"])
    messages += [
        {"role": "assistant", "content": said.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": result}]},
    ]
    last = await ask(messages, system=os.environ["SYSTEM"], tools=[ADD])
    assert last.content[0].text == streamed
    print(streamed)


def user(text: str) -> dict:
    return {"role": "user", "content": text}


asyncio.run(main())
