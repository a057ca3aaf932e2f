"""The home of the workers: keeps one of them in each place that the cluster has, and passes lines on.

It is imported before anything else may print, and takes standard output for its own messages.
"""

import hashlib
import json
import os
import platform
import queue
import socket
import sys
import threading
import time

# Whatever libraries print must not be taken for an answer.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
writing = threading.Lock()
# So many methods of a worker may be under way: one waits for its lines, others bring it lines and files.
CALLS = 4


def say(**message):
    with writing:
        try:
            answers.write(json.dumps(message) + "\n")
            answers.flush()
        except OSError:
            os._exit(1)  # Nobody listens any more.


def fail(message):
    say(fatal={"message": message})
    os._exit(1)


try:
    import ray
except ImportError as error:
    fail(f"{sys.executable} has no Ray ({error}): install the version of the cluster there, as in `pip install ray==VERSION`, or name another Python as ray.python in tuner.toml")


class Driver:
    def __init__(self, start, worker):
        self.start, self.worker = start, worker
        self.lock = threading.Lock()
        self.actors = {}  # by number: the actor, and the lines that wait for it
        self.count = 0
        self.connect(start["address"])
        self.shared = {}  # by name: files and their contents
        self.blobs = self.put(start["files"])
        total = ray.cluster_resources().get("CPU", 0.0)
        fitting = int(total / start["cpus"]) if start["cpus"] else int(total)
        self.wanted = start["workers"] or max(1, min(fitting, start["most"]))
        nodes = sum(node["Alive"] for node in ray.nodes())
        say(connected={"workers": self.wanted, "nodes": nodes, "cpus": total, "ray": ray.__version__})
        for _ in range(self.wanted):
            threading.Thread(target=self.keep, daemon=True).start()

    def connect(self, address):
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if host and port.isdigit():
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
            except OSError as error:
                fail(f"nothing answers at {address} ({error}): is the cluster up (`ray status --address {address}`), and is ray.address in tuner.toml right?")
        try:
            ray.init(address=address, log_to_driver=True, namespace="agentscope-tuner")
        except Exception as error:
            text = " ".join(str(error).split())
            if "ersion mismatch" in text:
                fail(f"{text} Install the versions of the cluster, or name a Python that has them as ray.python in tuner.toml")
            fail(f"the cluster at {address} cannot be joined: {text}. Start one with `ray start --head`, or correct ray.address in tuner.toml")

    def put(self, files):
        """Puts the contents of files into the object store, by their hashes, which the files get."""
        blobs = {}
        for file in files:
            with open(file.pop("from"), "rb") as content:
                data = content.read()
            file["hash"] = hashlib.sha256(data).hexdigest()
            # Inside a list a reference stays one: who has the file already does not fetch it.
            if file["hash"] not in blobs:
                blobs[file["hash"]] = [ray.put(data)]
        return blobs

    def share(self, name, files, forget):
        blobs = self.put(files)
        with self.lock:
            self.shared[name] = (files, blobs)
            self.shared.pop(forget, None)
            actors = [actor for actor, _ in self.actors.values()]
        for actor in actors:
            actor.fetch.remote(name, files, blobs, forget)

    def keep(self):
        """Keeps one worker: when it is gone, another one takes its place."""
        wait = 1
        while True:
            began = time.monotonic()
            with self.lock:
                number, self.count = self.count, self.count + 1
            why = self.attend(number)
            with self.lock:
                self.actors.pop(number, None)
            say(lost={"worker": number, "why": why})
            wait = 1 if time.monotonic() - began > 60 else min(30, 2 * wait)
            time.sleep(wait)

    def attend(self, number):
        """Starts worker `number` and passes on what it says; why it ended."""
        start = self.start
        host = [platform.system(), platform.machine()]
        actor = None
        try:
            # Where it lands, and when, is for Ray to decide; a restarted actor would have forgotten what it was told.
            actor = ray.remote(self.worker).options(max_concurrency=CALLS, num_cpus=start["cpus"], num_gpus=start["gpus"], resources=start["resources"], max_restarts=0, scheduling_strategy="SPREAD").remote(host, {key: start[key] for key in ("files", "program", "arguments", "env", "setup")}, self.blobs)
            node = ray.get(actor.node.remote())
            with self.lock:
                self.actors[number] = [actor, 0]
                shared = dict(self.shared)
            for name, (files, blobs) in shared.items():
                actor.fetch.remote(name, files, blobs, None)
            say(up={"worker": number, "node": node})
            while True:
                lines, why = ray.get(actor.poll.remote())
                if lines:
                    say(lines={"worker": number, "lines": lines})
                if why:
                    return why
        except Exception as error:
            return " ".join(str(error).split())[:2000] or repr(error)
        finally:
            if actor is not None:
                ray.kill(actor)

    def send(self, batch):
        for number, lines in batch.items():
            with self.lock:
                known = self.actors.get(number)
                if known is None:
                    continue
                actor, turn = known
                known[1] += 1
            actor.send.remote(turn, lines)

    def end(self, number):
        with self.lock:
            known = self.actors.get(number)
        if known:
            ray.kill(known[0])

    def serve(self, orders):
        while True:
            order = orders.get()
            batch = {}
            while order is not None and "send" in order:
                batch.setdefault(order["send"]["worker"], []).append(order["send"]["line"])
                try:
                    order = orders.get_nowait()
                except queue.Empty:
                    order = {}
            self.send(batch)
            if order is None:
                return
            if "share" in order:
                self.share(**order["share"])
            if "end" in order:
                self.end(order["end"]["worker"])
