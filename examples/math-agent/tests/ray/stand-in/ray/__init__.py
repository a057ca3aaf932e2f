"""As much of Ray as the driver uses, inside its own process: so that the way of the lines is tested where Ray is not installed.

STAND_IN_RAY makes it fail as Ray can: `mismatch`, `exit`, `hang`, `platform`, `actors`.
"""

import os
import threading
import time

__version__ = "stand-in"
how = os.environ.get("STAND_IN_RAY", "")


class Dead(Exception):
    pass


class util:
    @staticmethod
    def get_node_ip_address():
        return "127.0.0.1"


def init(address, log_to_driver, namespace):
    if how == "mismatch":
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 1.0.0\n    Python: 3.7.1")
    if how == "exit":
        print("the ground opened", file=__import__("sys").stderr)
        os._exit(3)
    if how == "hang":
        time.sleep(3600)


def shutdown():
    pass


def cluster_resources():
    return {"CPU": 3.0}


def nodes():
    return [{"Alive": True}] * 3


def put(value):
    return Reference((value,))


class Reference:
    def __init__(self, value=None):
        self.done = threading.Event()
        self.value, self.error = value, None
        if value is not None:
            self.done.set()

    def settle(self, value=None, error=None):
        if not self.done.is_set():
            self.value, self.error = value, error
            self.done.set()


def get(reference):
    reference.done.wait()
    if reference.error:
        raise reference.error
    return reference.value[0]


class Method:
    def __init__(self, actor, name):
        self.actor, self.name = actor, name

    def remote(self, *arguments):
        reference = Reference()
        self.actor.call(self.name, arguments, reference)
        return reference


class Actor:
    def __init__(self, kind, arguments):
        self.open, self.dead = [], False
        if how == "actors":
            raise Dead("no actors today")
        if how == "platform":
            arguments = (["Plan9", "pdp11"], *arguments[1:])
        self.object = kind(*arguments)

    def __getattr__(self, name):
        return Method(self, name)

    def call(self, name, arguments, reference):
        self.open.append(reference)
        if self.dead:
            return reference.settle(error=Dead("the actor is dead"))
        threading.Thread(target=self.work, args=[name, arguments, reference], daemon=True).start()

    def work(self, name, arguments, reference):
        try:
            reference.settle((getattr(self.object, name)(*arguments),))
        except Exception as error:
            reference.settle(error=error)


def kill(actor):
    actor.dead = True
    if actor.object.process:
        actor.object.process.kill()
    for reference in actor.open:
        reference.settle(error=Dead("the actor is dead"))


def remote(kind):
    class Kind:
        @staticmethod
        def options(**options):
            return Kind

        @staticmethod
        def remote(*arguments):
            return Actor(kind, arguments)

    return Kind
