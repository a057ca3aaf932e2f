"""An agent on the official `openai` package, which knows nothing of who runs it: `tests/foreign/programs.rs` does.

    pip install openai
"""

import asyncio
import json
import os
import sys

from openai import AsyncOpenAI

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


async def main() -> None:
    task = json.load(sys.stdin)
    assert task == json.loads(os.environ["TASK"])
    client = AsyncOpenAI()  # address and key from the environment
    model = os.environ["OPENAI_MODEL"]
    create = client.chat.completions.create

    streamed = ""
    async for chunk in await create(model=model, messages=[user(task["question"])], stream=True):
        streamed += "".join(choice.delta.content or "" for choice in chunk.choices)

    asked = [create(model=model, messages=[user(f"{task['question']} ({number})")]) for number in range(3)]
    for answer in await asyncio.gather(*asked):
        assert answer.choices[0].message.content == streamed

    messages = [{"role": "system", "content": os.environ["SYSTEM"]}, user(task["question"])]
    said = (await create(model=model, messages=messages, tools=[ADD])).choices[0].message
    call = said.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    result = str(arguments["a"] + arguments["b"])
    messages += [said, {"role": "tool", "tool_call_id": call.id, "content": result}]
    last = await create(model=model, messages=messages, tools=[ADD])
    assert last.choices[0].message.content == streamed
    print(streamed)


def user(text: str) -> dict:
    return {"role": "user", "content": text}


asyncio.run(main())
