"""Keeps workers on the nodes of a Ray cluster, and carries lines between them and the program that started this script.

It reads lines of JSON on standard input and writes lines of JSON on standard output. The first one says what to do:

    {"start": {"address", "workers", "most", "cpus", "gpus", "resources", "env", "program", "arguments", "files", "setup"}}

After it come {"send": {"worker", "line"}}, {"end": {"worker"}} and {"share": {"name", "files", "forget"}}. Written are {"connected": {"workers", "nodes", "cpus",
"ray"}}, and for each worker {"up": {"worker", "node"}}, {"lines": {"worker", "lines"}} and {"lost": {"worker", "why"}}; or,
once, {"fatal": {"message"}}. When standard input ends, the workers are ended, and so is this script.
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

# No bytecode beside the run's results.
sys.dont_write_bytecode = True
from ray_home import Driver

import ray


# Stands in the script itself: Ray carries a class of the script to the nodes whole, but one of a module by its name alone.
class Worker:
    """On a node: one process of the program. Methods that are called at the same time run in threads of their own."""

    def __init__(self, host, start, blobs):
        self.lines = queue.Queue()
        self.lock = threading.Lock()
        self.early, self.next = {}, 0
        self.places = {}
        self.process = None
        self.failure = None
        try:
            self.begin(host, start, blobs)
        except Exception as error:  # Told by `poll`, in words that a person can use.
            self.failure = str(error) or repr(error)

    def begin(self, host, start, blobs):
        import subprocess

        here = [platform.system(), platform.machine()]
        if here != host:
            raise RuntimeError(f"the program is built for {' '.join(host)}, but this node is {' '.join(here)}: use nodes like the machine at home")
        directory = self.materialize(start["files"], blobs)
        read, write = os.pipe()
        command = [os.path.join(directory, start["program"]), *start["arguments"], f"/dev/fd/{write}"]
        environment = {**os.environ, **start["env"]}
        try:
            self.process = subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[write])
        except OSError as error:
            raise RuntimeError(f"the program cannot be started: {error}")
        finally:
            os.close(write)
        self.complaints = []
        threading.Thread(target=self.hear, args=[read], daemon=True).start()
        threading.Thread(target=self.complain, daemon=True).start()
        self.write([start["setup"]])

    def materialize(self, files, blobs):
        """A directory with these files: made once a node, by whoever comes first, and shared afterwards."""
        import tempfile

        identity = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:32]
        home = os.path.join(tempfile.gettempdir(), f"agentscope-tuner-{os.getuid()}")
        os.makedirs(home, mode=0o700, exist_ok=True)
        status = os.lstat(home)
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise RuntimeError(f"{home} belongs to somebody else, or others may write to it: remove it")
        directory = os.path.join(home, identity)
        if os.path.isdir(directory):
            os.utime(directory)
        else:
            self.forget_unused(home)
            making = tempfile.mkdtemp(dir=home)
            for file in files:
                path = os.path.join(making, file["path"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                content = ray.get(blobs[file["hash"]][0])
                with open(path, "wb") as out:
                    out.write(content)
                os.chmod(path, file["mode"])
            try:
                os.rename(making, directory)
            except OSError:  # Another worker of this node was faster.
                import shutil

                shutil.rmtree(making)
        return directory

    def forget_unused(self, home):
        """Removes programs and weights that nobody has used for a week."""
        import shutil

        for entry in os.scandir(home):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > 7 * 24 * 3600:
                shutil.rmtree(entry.path, ignore_errors=True)

    def node(self):
        return f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"

    def send(self, number, lines):
        """Writes lines in the order of their numbers: calls may overtake each other."""
        with self.lock:
            self.early[number] = lines
            while self.next in self.early:
                self.write(self.early.pop(self.next))
                self.next += 1

    def fetch(self, name, files, blobs, forget):
        """Brings shared files to this node, and tells the process where they are."""
        import shutil

        directory = self.materialize(files, blobs)
        self.places[name] = directory
        if forget in self.places:
            shutil.rmtree(self.places.pop(forget), ignore_errors=True)
        with self.lock:
            self.write([json.dumps({"weights": {"name": name, "directory": directory}})])

    def write(self, lines):
        try:
            self.process.stdin.write("".join(line + "\n" for line in lines).encode())
            self.process.stdin.flush()
        except (OSError, AttributeError, ValueError):
            pass  # `poll` says that it has ended.

    def poll(self):
        """The lines since the last call, as soon as there is one, and why no more will come, if so."""
        if self.failure:
            return [], self.failure
        try:
            lines = [self.lines.get(timeout=10)]
        except queue.Empty:
            return [], None
        while len(lines) < 1000 and lines[-1] is not None:
            try:
                lines.append(self.lines.get_nowait())
            except queue.Empty:
                return lines, None
        return (lines, None) if lines[-1] is not None else (lines[:-1], self.ending())

    def hear(self, read):
        with os.fdopen(read, encoding="utf-8", errors="replace") as said:
            for line in said:
                self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def complain(self):
        for line in self.process.stderr:
            text = line.decode(errors="replace").rstrip()
            print(text, file=sys.stderr, flush=True)
            self.complaints = [*self.complaints[-9:], text]

    def ending(self):
        try:
            code = self.process.wait(timeout=5)
        except Exception:
            code = "unknown"
        time.sleep(0.1)  # What it said last is still being read.
        said = "; ".join(self.complaints)
        return f"its process ended with {code}{': ' + said if said else ''}"


def main():
    orders = queue.Queue()

    def read():
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)
        time.sleep(15)  # Enough for an orderly end.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    first = orders.get()
    if first is None:
        return
    Driver(first["start"], Worker).serve(orders)
    ray.shutdown()
    os._exit(0)


main()
