"""Makes openai_requests.json and openai_answers.json with OpenAI's own Python client.

    pip install openai
    python make_openai.py

Requests: what the client puts on the wire, caught by a server on this machine.
Answers: objects of the client's types, and streams together with what the client's stream helper makes of them.
"""

import json
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

HERE = pathlib.Path(__file__).parent
caught = []
reply = {"type": "application/json", "body": b"{}"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        caught.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-type", reply["type"])
        self.send_header("content-length", str(len(reply["body"])))
        self.end_headers()
        self.wfile.write(reply["body"])

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0)

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "number"}},
    "required": ["score"],
    "additionalProperties": False,
}
USER = {"role": "user", "content": "2 + 2?"}
REQUESTS = {
    "sampling": dict(
        messages=[{"role": "system", "content": "Be brief."}, {**USER, "name": "Ada"}],
        temperature=0.5,
        top_p=0.9,
        max_tokens=64,
        presence_penalty=0.25,
        frequency_penalty=-0.25,
        seed=7,
        stop=["\n\n", "END"],
        reasoning_effort="low",
        logprobs=True,
        top_logprobs=3,
    ),
    "tools": dict(
        messages=[
            USER,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":2,"b":2}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "4"},
        ],
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "add"}},
        parallel_tool_calls=False,
    ),
    "required": dict(messages=[USER], tools=[TOOL], tool_choice="required"),
    "schema": dict(
        messages=[USER],
        response_format={"type": "json_schema", "json_schema": {"name": "grade", "schema": SCHEMA, "strict": True}},
    ),
    "media": dict(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
                ],
            }
        ],
    ),
    "stream": dict(messages=[USER], stream=True, stream_options={"include_usage": True}),
}


def record_requests():
    for name, arguments in REQUESTS.items():
        reply["type"] = "text/event-stream" if arguments.get("stream") else "application/json"
        reply["body"] = b"data: [DONE]\n\n" if arguments.get("stream") else completion({"content": "4"}).encode()
        client.chat.completions.create(model="tiny", **arguments)
        yield name, caught.pop()


def completion(message, finish="stop", **choice):
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}, **choice}
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 7,
        "total_tokens": 19,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    made = ChatCompletion.model_validate(
        {"id": "x", "object": "chat.completion", "created": 1, "model": "tiny-1", "choices": [choice], "usage": usage}
    )
    return made.model_dump_json()


def call(n, arguments):
    return {"id": f"c{n}", "type": "function", "function": {"name": "add", "arguments": arguments}}


def logprob(token, value):
    top = [{"token": token, "logprob": value, "bytes": list(token.encode())}]
    return {**top[0], "top_logprobs": top}


ANSWERS = {
    "text": completion({"content": "4"}),
    "calls": completion({"content": None, "tool_calls": [call(1, '{"a":2,"b":2}'), call(2, '{"a":')]}, "tool_calls"),
    "refusal": completion({"content": None, "refusal": "I won't."}),
    "logprobs": completion({"content": "4."}, "length", logprobs={"content": [logprob("4", -0.5), logprob(".", -1.5)]}),
}


def chunk(delta=None, finish=None, usage=None, **choice):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, **choice}]
    made = ChatCompletionChunk.model_validate(
        {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "tiny-1",
            "choices": choices,
            "usage": usage,
        }
    )
    return "data: " + made.model_dump_json(exclude_unset=True) + "\n\n"


def piece(index, arguments, **first):
    function = {"arguments": arguments, **{k: v for k, v in first.items() if k == "name"}}
    rest = {k: v for k, v in first.items() if k != "name"}
    return {"tool_calls": [{"index": index, "function": function, **rest}]}


USAGE = {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
STREAMS = {
    "text": [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Grüezi, "}, logprobs={"content": [logprob("Grüezi, ", -0.25)]}),
        chunk({"content": "世界 🌍"}, logprobs={"content": [logprob("世界 🌍", -0.75)]}),
        chunk({}, "stop"),
        chunk(usage=USAGE),
    ],
    "calls": [
        chunk({"role": "assistant", "content": None}),
        chunk(piece(0, "", id="c1", type="function", name="add")),
        chunk(piece(0, '{"a": 2, ')),
        chunk(piece(0, '"b": 3}')),
        chunk(piece(1, "", id="c2", type="function", name="add")),
        chunk(piece(1, '{"a": 4, "b": 5}')),
        chunk({}, "tool_calls"),
        chunk(usage=USAGE),
    ],
    "refusal": [chunk({"role": "assistant", "refusal": "I "}), chunk({"refusal": "won't."}), chunk({}, "stop")],
}


def record_streams():
    for name, chunks in STREAMS.items():
        text = "".join(chunks) + "data: [DONE]\n\n"
        reply["type"], reply["body"] = "text/event-stream", text.encode()
        with client.chat.completions.stream(model="tiny", messages=[USER]) as stream:
            final = stream.get_final_completion()
        yield name, {"events": text, "completion": json.loads(final.model_dump_json(warnings=False))}


def write(name, value):
    text = json.dumps(value, indent=1, ensure_ascii=False)
    (HERE / name).write_text(text + "\n", encoding="utf-8")


write("openai_requests.json", dict(record_requests()))
answers = {name: json.loads(text) for name, text in ANSWERS.items()}
write("openai_answers.json", {"answers": answers, "streams": dict(record_streams())})
