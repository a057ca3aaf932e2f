"""A simulated world for prompt optimisers, behind an OpenAI-compatible endpoint. Standard library only.

Hidden rules decide whether a row is solved. The task model follows a rule only when its prompt states it or an example in
the prompt shows it. The proposer model knows nothing but its request: it writes down what the evidence in it gives away, and
overlooks, forgets and invents a little. Every answer is a hash of the seed and the request, so a world is the same for all.

Addresses: /RUN/LIMIT/v1/chat/completions answers LIMIT calls (0: no limit) and refuses the others; /RUN/LIMIT/count says how
many of each; /judge scores a response, which costs nothing.
"""

import hashlib
import json
import random
import re
import threading
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAMILIES = ["labels", "feedback", "style", "two", "noisy", "none"]
GOODS = (
    "lamps ropes kettles chairs violins ladders mirrors pillows compasses anchors baskets candles drums easels flutes "
    "globes hammers inkwells jackets kites lanterns mallets needles oars paddles quilts rakes saddles tables umbrellas"
).split()
CITIES = "Oslo Lima Kyoto Quito Riga Tunis Perth Cusco Bergen Malaga Turin Accra".split()
SEED_PROMPTS = {
    "two": {"sorter": "Sort the order into a bin.", "coder": "Give the code of the bin."},
    None: {"system": "Give the code of the order."},
}
KNOWN, LUCK, NOISE, PLAIN = 0.95, 0.15, 0.2, 0.6
NOTICES, KEEPS, INVENTS = 0.8, 0.97, 0.15
STYLE_LUCK, STYLE_DEMO, STYLE_SAID, STYLE_NOTICED = 0.25, 0.4, 0.6, 0.15


def unit(*parts):
    """A number in [0, 1) that depends on all parts and on nothing else."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


class World:
    def __init__(self, family, seed):
        self.family, self.seed = family, int(seed)
        draw = random.Random(f"{family}/{seed}")
        self.kinds = draw.sample(GOODS, 6 if family == "two" else 8)
        letters = "BCDFGHJKLMNPQRSTVWXZ"
        codes = []
        while len(codes) < len(self.kinds):
            code = "".join(draw.choice(letters) for _ in range(3)) + str(draw.randint(10, 99))
            codes += [code] if code not in codes else []
        self.codes = dict(zip(self.kinds, codes))
        bins = draw.sample(range(10, 99), len(self.kinds))
        self.bins = {kind: f"bin-{number}" for kind, number in zip(self.kinds, bins)}
        self.prompts = SEED_PROMPTS.get(family, SEED_PROMPTS[None])

    def rows(self, split, count):
        draw = random.Random(f"{self.family}/{self.seed}/{split}")
        rows = []
        for number in range(count):
            pair = draw.sample(self.kinds, 2)
            goods = " and ".join(pair) if self.family == "feedback" else pair[0]
            question = f"Order {draw.randint(1000, 9999)}{split[0]}{number}: {draw.randint(2, 90)} {goods} for {draw.choice(CITIES)}."
            row = {"question": question}
            if self.family in ("labels", "noisy", "style"):
                row["answer"] = self.ideal(pair[0])
            rows.append(row)
        return rows

    def ideal(self, kind):
        return f"<<{self.codes[kind]}|{kind}>>" if self.family == "style" else self.codes[kind]

    def of(self, text):
        return [kind for kind in self.kinds if kind in text]

    # What a rule says, and what it is about: a kind, or a bin of the second prompt.

    def rule(self, subject):
        if subject in self.bins and self.family == "two":
            return f"Orders of {subject} go to {self.bins[subject]}."
        return f"Orders of {subject} get the code {self.secret(subject)}."

    def secret(self, subject):
        """What is to be known of a subject."""
        if subject.startswith("bin-"):
            return next(self.codes[kind] for kind, one in self.bins.items() if one == subject)
        return self.bins[subject] if self.family == "two" else self.codes[subject]

    def told(self, subject, text, wanted=None):
        """Whether `text` connects the subject with its secret: in a rule, or in an example."""
        secret = wanted or self.secret(subject)
        others = [one for one in [*self.kinds, *self.bins.values()] if one not in (subject, secret)]
        for found in re.finditer(re.escape(subject) + r"\b", text):
            near = text[found.end() : found.end() + 220]
            at = near.find(secret)
            if at >= 0 and not any(other in near[:at] for other in others):
                return True
        return False

    # The judge.

    def judge(self, question, response, salt=""):
        """Score without noise, score with it, and what the judge says of it."""
        kinds = self.of(question)
        if self.family == "none":
            right = "done" in response
            return float(right), float(right), "Right." if right else "Wrong."
        if self.family == "feedback":
            missing = [kind for kind in kinds if self.codes[kind] not in response]
            score = 1 - len(missing) / len(kinds)
            said = f"Orders of {missing[0]} need the code {self.codes[missing[0]]}." if missing else "Complete."
            return score, score, said
        kind = kinds[0]
        if self.family == "two":
            bin, _, code = response.partition(" ")
            if bin != self.bins[kind]:
                return 0.0, 0.0, f"Wrong bin: {kind} belong in {self.bins[kind]}."
            right = code == self.codes[kind]
            said = "Right." if right else f"Wrong code: {bin} has the code {self.codes[kind]}."
            return float(right), float(right), said
        right = response.strip() == self.ideal(kind)
        if self.family == "style":
            return float(right), float(right), "In the house style." if right else "Not in the house style."
        said = "Right." if right else f"Wrong: the right answer is {self.ideal(kind)}."
        noisy = right != (unit("noise", self.seed, question, response, salt) < (NOISE if self.family == "noisy" else 0))
        return float(right), float(noisy), said

    # The task model.

    def answer(self, system, question):
        chance = lambda what: unit("task", self.seed, what, system, question)  # noqa: E731
        kinds = self.of(question)
        if self.family == "none":
            return "done" if chance("luck") < PLAIN else "I could not do it."
        if self.family == "two":
            subject = next(iter(re.findall(r"bin-\d+", question)), None) or (kinds[0] if kinds else "")
            known = subject in [*self.bins, *self.bins.values()]
            return self.recall(subject, system, chance) if known else "unknown"
        if self.family == "style":
            shown = len(set(re.findall(r"<<[A-Z]{3}\d\d\|\w+>>", system)))
            odds = 1 - (1 - STYLE_LUCK) * (1 - STYLE_DEMO) ** min(shown, 6)
            if "house style" in system:
                odds = max(odds, STYLE_SAID)
            return self.ideal(kinds[0]) if chance("style") < min(odds, KNOWN) else f"The code is {self.codes[kinds[0]]}."
        return " ".join(self.recall(kind, system, chance) for kind in kinds)

    def recall(self, subject, system, chance):
        for invented in re.findall(rf"{re.escape(subject)} (?:get the code|go to) ([\w-]+)\.", system):
            if invented != self.secret(subject):
                return invented
        odds = KNOWN if self.told(subject, system) else LUCK
        if chance(subject) < odds:
            return self.secret(subject)
        return "bin-0" if self.family == "two" and not subject.startswith("bin-") else "XXX00"

    # The proposer model.

    def propose(self, request):
        chance = lambda what: unit("proposer", self.seed, what, request)  # noqa: E731
        rules = []
        for subject in self.subjects(request):
            stated = self.rule(subject) in request
            seen = self.told(subject, request.replace(self.rule(subject), ""))
            if (stated and chance(f"keep {subject}") < KEEPS) or (seen and chance(f"see {subject}") < NOTICES):
                rules.append(self.rule(subject))
            elif not stated and not seen and chance(f"invent {subject}") < INVENTS / len(self.kinds):
                rules.append(self.rule(subject).replace(self.secret(subject), "QQQ11"))
        if self.family == "style" and ("house style" in request.split("Feedback")[0] or chance("style") < STYLE_NOTICED):
            rules.append("Answer in the house style: the code, a bar and the goods, in double angle brackets.")
        lines = [self.opening(request), *rules]
        if chance("babble") < 0.5:
            lines.append(f"Take care ({int(chance('number') * 1e6)}).")
        return "\n".join(lines)

    def subjects(self, request):
        if self.family in ("none", "style"):
            return []
        if self.family != "two":
            return self.kinds
        return list(self.bins.values()) if self.opening(request) == self.prompts["coder"] else self.kinds

    def opening(self, request):
        places = [(request.find(text), text) for text in self.prompts.values()]
        found = [place for place in places if place[0] >= 0]
        return min(found)[1] if found else next(iter(self.prompts.values()))


@lru_cache(maxsize=None)
def world(family, seed):
    return World(family, seed)


def reply(model, messages):
    """Text of an answer. The model's name says who answers in which world: `task@labels@3`, `proposer@labels@3@RUN`."""
    role, family, seed = model.split("/")[-1].split("@")[:3]
    here = world(family, seed)
    text = [str(message["content"]) for message in messages]
    fields = dspy_fields(text[0])
    if role == "proposer":
        said = here.propose("\n".join(text))
        if fields and "Respond with a JSON object" in text[-1]:
            return json.dumps(dict.fromkeys(fields, said))
        return in_fields(fields, said) if fields else f"Here is a better text:\n```\n{said}\n```"
    system, question = "\n".join(text[:-1]), text[-1]
    if not fields:
        return here.answer(system, question)
    asked = re.search(r"\[\[ ## (?:question|order|bin) ## \]\]\s*(.*?)\s*(?:\n\n|Respond with|$)", question, re.S)
    return in_fields(fields, here.answer(system, asked.group(1) if asked else question))


def dspy_fields(system):
    """The output fields that a DSPy prompt asks for."""
    asked = re.search(r"Your output fields are:\s*(.*?)All interactions", system, re.S)
    return re.findall(r"^\s*\d+\. `(\w+)`", asked.group(1), re.M) if asked else []


def in_fields(fields, text):
    return "".join(f"[[ ## {field} ## ]]\n{text}\n\n" for field in fields) + "[[ ## completed ## ]]"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counts, lock = {}, threading.Lock()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/judge":
            here = world(body["family"], body["seed"])
            _, score, feedback = here.judge(body["question"], body["response"], body["salt"])
            return self.send(200, {"score": score, "feedback": feedback})
        _, run, limit, *_ = self.path.split("/")
        with self.lock:
            count = self.counts.setdefault(run, [0, 0])
            refused = int(limit) and count[0] >= int(limit)
            count[1 if refused else 0] += 1
        if refused:
            return self.send(400, {"error": {"message": "the budget of this run is spent", "type": "invalid_request_error"}})
        text = reply(body["model"], body["messages"])
        usage = {"prompt_tokens": sum(len(str(one["content"])) for one in body["messages"]) // 4, "completion_tokens": len(text) // 4}
        usage["total_tokens"] = sum(usage.values())
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self.send(200, {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice], "usage": usage})

    def do_GET(self):
        answered, refused = self.counts.get(self.path.split("/")[1], (0, 0))
        self.send(200, {"answered": answered, "refused": refused})

    def send(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def serve():
    """Starts a server on a free port; returns its base address."""
    Handler.disable_nagle_algorithm = True
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


if __name__ == "__main__":
    print(serve(), flush=True)
    threading.Event().wait()
