"""What the gateway, `rollout` and `worker` cost by themselves; any Python does.

    cargo build --release -p math-agent
    python3 examples/math-agent/tests/scale/costs.py target/release/math-agent

Models take no time: scripted ones, or an endpoint of this script that answers at once. Medians are of calls one after another.
"""

import http.client
import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

MATH_AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SETTINGS = """
workflow = "asks"
judge = "said"
[dataset]
eval = { path = "rows.jsonl" }
[models.small]
provider = "scripted"
name = "abacus-small"
[workflows.asks]
command = ["PYTHON", "agent.py"]
[slots.asks]
model = "small"
[judges.said]
kind = "contains"
field = "answer"
"""
AGENT = """
import http.client, json, os, statistics, time, urllib.parse
url = urllib.parse.urlparse(os.environ["OPENAI_BASE_URL"])
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
connection, took = http.client.HTTPConnection(url.netloc), []
for call in range(520):
    body = json.dumps({"model": os.environ["OPENAI_MODEL"], "messages": [{"role": "user", "content": f"{call} + 1?"}]})
    began = time.perf_counter()
    connection.request("POST", url.path + "/chat/completions", body, headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    took.append(time.perf_counter() - began)
print(1000 * statistics.median(took[20:]))
"""


def timed(command, **options):
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - began, done.stdout


def gateway(program):
    """Milliseconds of a call through the gateway, as its client sees it."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in [("tuner.toml", SETTINGS.replace("PYTHON", sys.executable)), ("agent.py", AGENT)]:
            with open(os.path.join(directory, name), "w") as out:
                out.write(text)
        with open(os.path.join(directory, "rows.jsonl"), "w") as out:
            out.write(json.dumps({"question": "?", "answer": ""}))
        _, records = timed([program, "rollout"], cwd=directory, input='{"row": 0}\n')
        return float(json.loads(records)["response"])


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "5"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        said = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
        self.wfile.write(head.encode() + said)

    def log_message(self, *_):
        pass


def post(connection, path, body, token):
    began = time.perf_counter()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    return 1000 * (time.perf_counter() - began), said


def worker(program):
    """Milliseconds of a rollout of one call, asked of a worker; and of the call alone."""
    endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    endpoint.daemon_threads = True
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{endpoint.server_address[1]}"
    environment = {**os.environ, "WORKER_TOKEN": "a-long-bearer-token"}
    command = [program, "worker", "--token-env", "WORKER_TOKEN", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=MATH_AGENT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        url = next(line for line in process.stdout if line.startswith("listening at ")).split()[-1]
        rollouts, calls = http.client.HTTPConnection(url.split("/")[2]), http.client.HTTPConnection(place)
        both = []
        for attempt in range(120):
            task = {"question": "Ann has 2 apples and buys 3 more.", "answer": "5"}
            asked = {"task": task, "base_url": f"http://{place}/v1", "model": "policy", "attempt": attempt}
            whole, record = post(rollouts, "/rollout", asked, environment["WORKER_TOKEN"])
            assert record["reward"] == 1, record
            both.append((whole, post(calls, "/v1/chat/completions", {"model": "policy", "messages": []}, "")[0]))
        return [statistics.median(one) for one in zip(*both[20:])]
    finally:
        process.terminate()
        process.wait()


def main():
    program = os.path.abspath(sys.argv[1])
    print(f"a call through the gateway: {gateway(program):.2f} ms")
    for count in (1, 500):
        jobs = "".join(f'{{"row": {row % 200}, "attempt": {row // 200}}}\n' for row in range(count))
        took = [timed([program, "rollout"], cwd=MATH_AGENT, input=jobs)[0] for _ in range(9)]
        print(f"`rollout` of {count}: {statistics.median(took):.3f} s, start included")
    whole, call = worker(program)
    print(f"a rollout of one call at a worker: {whole:.2f} ms, the call alone {call:.2f} ms")


main()
