"""What vLLM answers: recorded for `tests/model_vllm.rs`, which says what our client makes of it.

    VLLM_ALLOW_RUNTIME_LORA_UPDATING=True VLLM_SERVER_DEV_MODE=1 vllm serve examples/math-agent/models/medium \\
        --served-model-name tiny --dtype float32 --enforce-eager --logprobs-mode processed_logprobs --max-model-len 256 \\
        --enable-auto-tool-choice --tool-call-parser hermes --enable-lora --max-lora-rank 16
    python record_vllm.py http://127.0.0.1:8000 > vllm.json

Every request is sent whole and as a stream.
"""

import json
import sys
import urllib.error
import urllib.request

QUESTION = "Eva has 76 marbles and gets 91 more. How many marbles does Eva have now?"
NUMBER = {"type": "number"}
PARAMETERS = {"type": "object", "properties": {"a": NUMBER, "b": NUMBER}, "required": ["a", "b"]}
TOOLS = [{"type": "function", "function": {"name": "add", "description": "Adds two numbers.", "parameters": PARAMETERS}}]
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":76,"b":91}'}}
HEAD = [{"role": "system", "content": "Use the tool."}, {"role": "user", "content": QUESTION}]
EXACT = {"logprobs": True, "return_token_ids": True, "seed": 7}

REQUESTS = {
    "text": {"messages": HEAD[1:], "max_tokens": 40, "temperature": 1.0, **EXACT},
    "cut": {"messages": HEAD[1:], "max_tokens": 2, "temperature": 1.0, **EXACT},
    "call": {"messages": HEAD, "tools": TOOLS, "max_tokens": 40, "temperature": 0.0, **EXACT},
    "result": {
        "messages": [*HEAD, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "167"}],
        "tools": TOOLS,
        "max_tokens": 40,
        "temperature": 0.0,
        **EXACT,
    },
    "too long": {"messages": [{"role": "user", "content": "more " * 300}], "max_tokens": 4, **EXACT},
    "too much": {"messages": HEAD[1:], "max_tokens": 4096, **EXACT},
    "nobody": {"model": "nobody", "messages": HEAD[1:], "max_tokens": 4, **EXACT},
}

OTHERS = [
    ("/v1/load_lora_adapter", {"lora_name": "one", "lora_path": "/nowhere"}),
    ("/v1/unload_lora_adapter", {"lora_name": "one"}),
    ("/pause?mode=wait", {}),
    ("/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": "/nowhere"}}),
    ("/resume", {}),
]


def post(url: str, body: dict) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def main() -> None:
    server, chats = sys.argv[1], {}
    with urllib.request.urlopen(f"{server}/version") as answer:
        version = json.load(answer)["version"]
    for name, request in REQUESTS.items():
        body = {"model": "tiny", **request}
        status, whole = post(f"{server}/v1/chat/completions", body)
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        chats[name] = {"request": body, "status": status, "whole": whole, "stream": post(f"{server}/v1/chat/completions", streamed)[1]}
    others = [{"path": path, "body": body, "reply": post(server + path, body)} for path, body in OTHERS]
    json.dump({"version": version, "chats": chats, "others": others}, sys.stdout, indent=1, ensure_ascii=False)
    print()


main()
